// SPDX-License-Identifier: MIT
#include "daemon/devices/device.hpp"

namespace paravane {
namespace {
namespace block = hv::xenbus::block;
}  // namespace

Device block_device(Record const& record, std::string const& id, BlockSpec const& spec) {
    std::uint32_t const number = disk_number(spec.target).value_or(0);
    Device disk{.id = id,
                .backend = {.device = {.kind = "block", .domid = record.guest.id, .index = number},
                            .owner = parse_uuid(record.uid).value_or(DomainHandle{}),
                            .log = "",
                            .arguments = {"--image", spec.path}},
                .ends = hv::xenbus::find_kind("block")};
    if (spec.read_only) disk.backend.arguments.emplace_back("--read-only");
    if (spec.sector != 0)
        disk.backend.arguments.insert(disk.backend.arguments.end(), {"--sector", std::to_string(spec.sector)});
    disk.of_both = {{block::virtual_device.name, std::to_string(number)}, {block::device_type.name, "disk"}};
    disk.of_back = {{block::mode.name, spec.read_only ? "r" : "w"}};
    disk.image = spec.path;
    return disk;
}
}  // namespace paravane
