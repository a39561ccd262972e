// SPDX-License-Identifier: MIT
// The two ends of a device in xenstore, as a toolstack has them: what it writes there, and what it sees.
#pragma once
#include "daemon/devices/device.hpp"
#include "daemon/reconcile.hpp"
#include "portable/xenbus/state.hpp"
#include "xenstore/client.hpp"

namespace paravane {
// The back end's nodes, anew; its guest sees none of them before the front end's are there.
Result<> offer_device(XenstoreClient& store, Device const& device);
Result<> publish_device(XenstoreClient& store, Device const& device);
// Whether it is to go on: the back end asks the guest.
Result<> set_online(XenstoreClient& store, Device const& device, bool online);
Result<> withdraw_device(XenstoreClient& store, Device const& device);

struct SeenEnds {
    Ends ends = Ends::missing;
    bool asked = false, let_go = false;
    hv::xenbus::State state = hv::xenbus::State::unknown;  // of the back end
};
Result<SeenEnds> look_at_ends(XenstoreClient& store, Device const& device);
}  // namespace paravane
