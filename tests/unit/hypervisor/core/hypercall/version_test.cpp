// SPDX-License-Identifier: MIT
#include "public/version.hpp"

#include <cstring>

#include "base/log.hpp"
#include "hosted/world.hpp"
#include "public/console_io.hpp"
#include "public/hypercall.hpp"

#include <gtest/gtest.h>

namespace hosted {
namespace {
i64 ask(Guest& guest, u32 what, auto& answer) {
    u64 const at = guest.put(answer);
    i64 const result = guest.call(abi::hypercall::xen_version, {what, at});
    answer = guest.take<std::remove_reference_t<decltype(answer)>>();
    return result;
}

u32 features(Guest& guest) {
    abi::XenFeatureInfo info{.submap_idx = 0, .submap = 0};
    EXPECT_EQ(ask(guest, abi::xenver::get_features, info), 0);
    return info.submap;
}

TEST(Version, OffersWhatLinuxCannotDoWithout) {
    World world;
    EXPECT_TRUE(features(world.dom0()) >> abi::feature::mmu_pt_update_preserve_ad & 1);
    EXPECT_TRUE(features(world.dom0()) >> abi::feature::gnttab_map_avail_bits & 1);
    EXPECT_FALSE(features(world.dom0()) >> abi::feature::writable_page_tables & 1);
    EXPECT_FALSE(features(world.dom0()) >> abi::feature::auto_translated_physmap & 1);
}

TEST(Version, OnlyDom0SeesTheDom0Feature) {
    World world;
    EXPECT_TRUE(features(world.dom0()) >> abi::feature::dom0 & 1);
    EXPECT_FALSE(features(world.add_guest()) >> abi::feature::dom0 & 1);
}

TEST(Version, TextsEndInsideTheirFields) {
    World world;
    abi::XenExtraversion extra;
    std::memset(&extra, 'x', sizeof(extra));
    EXPECT_EQ(ask(world.dom0(), abi::xenver::extraversion, extra), 0);
    EXPECT_LT(strnlen(extra.text, sizeof(extra.text)), sizeof(extra.text));
    abi::XenCapabilitiesInfo capabilities{};
    EXPECT_EQ(ask(world.dom0(), abi::xenver::capabilities, capabilities), 0);
    EXPECT_STREQ(capabilities.text, "xen-3.0-x86_64 ");
    abi::XenCompileInfo compiled{};
    EXPECT_EQ(ask(world.dom0(), abi::xenver::compile_info, compiled), 0);
    EXPECT_EQ(std::string_view{compiled.compiler}.substr(0, 4), "g++ ");
}

TEST(Version, SimpleValues) {
    World world;
    Guest& guest = world.add_guest();
    EXPECT_EQ(guest.call(abi::hypercall::xen_version, {abi::xenver::version}), 4 << 16 | 17);
    EXPECT_EQ(guest.call(abi::hypercall::xen_version, {abi::xenver::pagesize}), 4096);
    EXPECT_EQ(guest.call(abi::hypercall::xen_version, {abi::xenver::build_id}), err(Errno::nodata));
    EXPECT_EQ(guest.call(abi::hypercall::xen_version, {99}), err(Errno::nosys));
    abi::XenPlatformParameters parameters{};
    EXPECT_EQ(ask(guest, abi::xenver::platform_parameters, parameters), 0);
    EXPECT_EQ(parameters.virt_start, 0xffff'8000'0000'0000u);
}

i64 console_write(Guest& guest, std::string const& text) {
    std::array<char, 1024> buffer{};
    std::copy(text.begin(), text.end(), buffer.begin());
    return guest.call(abi::hypercall::console_io, {abi::consoleio::write, text.size(), guest.put(buffer)});
}

TEST(Console, Dom0WritesAsItIs) {
    World world;
    world.machine().console.clear();
    std::string const text(700, 'a');
    EXPECT_EQ(console_write(world.dom0(), text + "\x1b[1m\n"), 0);
    EXPECT_EQ(world.machine().console, text + "\x1b[1m\n");
}

TEST(Console, Dom0ComesAgainWithWhatTheConsoleDoesNotTake) {
    World world;
    world.machine().console.clear();
    world.machine().console_takes = 7;
    std::string text;
    for (u32 i = 0; i < 100; ++i) text += std::to_string(i) + "\n";
    EXPECT_EQ(console_write(world.dom0(), text), 0);
    EXPECT_EQ(world.machine().console, text);
}

TEST(Console, OthersWriteLinesWithTheirNumberAndNoControlCharacters) {
    World world;
    Guest& guest = world.add_guest();
    log::refill_guest_budget();
    log::set_guest_threshold(log::Level::info);
    world.machine().console.clear();
    EXPECT_EQ(console_write(guest, "hello\r\nwo\x1brld\n"), 0);
    std::string const id = "d" + std::to_string(guest.id().value) + " ";
    EXPECT_NE(world.machine().console.find(id + "hello\n"), std::string::npos);
    EXPECT_NE(world.machine().console.find(id + "wo.rld\n"), std::string::npos);
}

TEST(Console, OthersCannotFloodTheLog) {
    World world;
    Guest& guest = world.add_guest();
    log::refill_guest_budget();
    log::set_guest_threshold(log::Level::info);
    world.machine().console.clear();
    for (u32 i = 0; i < 1000; ++i) EXPECT_EQ(console_write(guest, "noise\n"), 0);
    EXPECT_LT(world.machine().console.size(), 2000u);
}

TEST(Console, ReadTakesWhatWasTypedAndIsForDom0) {
    World world;
    world.machine().typed = "ls\n";
    EXPECT_EQ(world.add_guest().call(abi::hypercall::console_io, {abi::consoleio::read, 16, 0}), err(Errno::perm));
    std::array<char, 16> buffer{};
    u64 const at = world.dom0().put(buffer);
    EXPECT_EQ(world.dom0().call(abi::hypercall::console_io, {abi::consoleio::read, 16, 0x1000}), err(Errno::fault));
    EXPECT_EQ(world.machine().typed, "ls\n") << "nothing is lost by a bad buffer";
    EXPECT_EQ(world.dom0().call(abi::hypercall::console_io, {abi::consoleio::read, 16, at}), 3);
    buffer = world.dom0().take<std::array<char, 16>>();
    EXPECT_STREQ(buffer.data(), "ls\n");
}

TEST(VmAssist, OnlyWhatExistsCanBeSwitchedOn) {
    World world;
    Guest& guest = world.add_guest();
    auto assist = [&](u64 command, u64 type) { return guest.call(abi::hypercall::vm_assist, {command, type}); };
    EXPECT_EQ(assist(0, 2), 0);
    EXPECT_EQ(guest.domain().vm_assist, 4u);
    EXPECT_EQ(assist(0, 5), 0);
    EXPECT_EQ(assist(1, 2), 0);
    EXPECT_EQ(guest.domain().vm_assist, 32u);
    EXPECT_EQ(assist(0, 0), 0);
    EXPECT_EQ(assist(0, 6), err(Errno::inval));
    EXPECT_EQ(assist(0, 64), err(Errno::inval));
    EXPECT_EQ(assist(2, 2), err(Errno::nosys));
}
}  // namespace
}  // namespace hosted
