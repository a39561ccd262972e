// SPDX-License-Identifier: MIT
// A device of a guest, of whatever kind: what the supervisor starts for it, and what the toolstack has to say in
// xenstore of its two ends. A kind is a function that makes one of these; all that is done with devices is done with
// these.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "backend/supervisor.hpp"
#include "daemon/record.hpp"
#include "portable/xenbus/nodes.hpp"

namespace paravane {
using NodeText = std::pair<std::string_view, std::string>;

struct Device {
    std::string id;
    supervisor::DeviceSpec backend;
    // Null: a guest is built with it, and nothing is negotiated.
    hv::xenbus::Kind const* ends = nullptr;
    std::vector<NodeText> of_both = {}, of_back = {};  // besides those that all kinds have
    std::string image = "";                            // of dom0, that it is served from
};

// `log`: its name; empty: none that lasts.
Device console_device(Record const& record, std::string const& log);
Device block_device(Record const& record, std::string const& id, BlockSpec const& spec);
}  // namespace paravane
