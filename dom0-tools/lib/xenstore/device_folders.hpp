// SPDX-License-Identifier: MIT
// Where the two ends of a guest's device stand in xenstore.
#pragma once
#include <cstdint>
#include <string>

#include "portable/xenbus/nodes.hpp"

namespace paravane {
inline std::string frontend_folder(hv::xenbus::Kind const& kind, std::uint16_t domid, std::uint32_t index) {
    return "/local/domain/" + std::to_string(domid) + "/device/" + std::string{kind.frontend} + "/" +
           std::to_string(index);
}
// The back ends of one guest.
inline std::string backends_folder(hv::xenbus::Kind const& kind, std::uint16_t domid) {
    return "/local/domain/0/backend/" + std::string{kind.backend} + "/" + std::to_string(domid);
}
inline std::string backend_folder(hv::xenbus::Kind const& kind, std::uint16_t domid, std::uint32_t index) {
    return backends_folder(kind, domid) + "/" + std::to_string(index);
}
}  // namespace paravane
