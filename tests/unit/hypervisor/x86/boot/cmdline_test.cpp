// SPDX-License-Identifier: MIT
#include "x86/boot/cmdline.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hv::boot {
namespace {
constexpr u64 MiB = 1 << 20;

TEST(CommandLine, AnEmptyOneIsTheDefaults) {
    Options options = parse_command_line("");
    EXPECT_EQ(options.console, 1u);
    EXPECT_EQ(options.com[0].io_base, 0x3f8);
    EXPECT_EQ(options.com[0].baud, 115200u);
    EXPECT_FALSE(options.dom0_memory);
    EXPECT_TRUE(options.reboot);
    EXPECT_EQ(options.complaint_count, 0u);
}

TEST(CommandLine, TheUsualOneIsUnderstood) {
    Options options = parse_command_line(
        "  console=com2 com2=57600,7e2,0x3e8,10 dom0_mem=512M,min:256M,max:1G dom0_max_vcpus=2-4 loglvl=all "
        "guest_loglvl=warning/error noreboot ");
    EXPECT_EQ(options.console, 2u);
    EXPECT_EQ(options.com[1].baud, 57600u);
    EXPECT_EQ(options.com[1].data_bits, 7);
    EXPECT_EQ(options.com[1].parity, Parity::even);
    EXPECT_EQ(options.com[1].stop_bits, 2);
    EXPECT_EQ(options.com[1].io_base, 0x3e8);
    EXPECT_EQ(options.com[1].irq, 10);
    EXPECT_EQ(options.dom0_memory->bytes, 512 * MiB);
    EXPECT_EQ(options.dom0_memory_min->bytes, 256 * MiB);
    EXPECT_EQ(options.dom0_memory_max->bytes, 1024 * MiB);
    EXPECT_EQ(options.dom0_min_vcpus, 2u);
    EXPECT_EQ(options.dom0_max_vcpus, 4u);
    EXPECT_EQ(options.log_level, log::Level::debug);
    EXPECT_EQ(options.guest_log_level, log::Level::warning);
    EXPECT_FALSE(options.reboot);
    EXPECT_EQ(options.complaint_count, 0u);
}

TEST(CommandLine, TheLastConsoleOfAListCounts) {
    EXPECT_EQ(parse_command_line("console=com2,com1").console, 1u);
    EXPECT_EQ(parse_command_line("console=none").console, 0u);
}

TEST(CommandLine, SpeculationIsTheProcessorsChoiceUnlessSaid) {
    Options silent = parse_command_line("");
    speculation::Request const& nothing = silent.speculation;
    EXPECT_FALSE(nothing.retpolines || nothing.ibpb || nothing.ibpb_on_entry || nothing.clears_buffers ||
                 silent.unsafe);
    Options some = parse_command_line("spec-ctrl=no-retpoline,ibpb,no-ibpb-entry,no-verw unsafe");
    EXPECT_EQ(some.speculation.retpolines, false);
    EXPECT_EQ(some.speculation.ibpb, true);
    EXPECT_EQ(some.speculation.ibpb_on_entry, false);
    EXPECT_EQ(some.speculation.clears_buffers, false);
    EXPECT_TRUE(some.unsafe && some.reboot);
    speculation::Request none = parse_command_line("spec-ctrl=no").speculation;
    EXPECT_TRUE(none.retpolines == false && none.ibpb == false && none.ibpb_on_entry == false &&
                none.clears_buffers == false);
    EXPECT_EQ(parse_command_line("spec-ctrl=no-").complaint_count, 1u);
    EXPECT_EQ(parse_command_line("spec-ctrl=ibpb-exit").complaint_count, 1u);
}

TEST(CommandLine, AnUnknownOptionIsNotAnError) {
    Options options = parse_command_line("iommu=off noreboot");
    ASSERT_EQ(options.complaint_count, 1u);
    EXPECT_FALSE(options.complaints[0].is_error);
    EXPECT_EQ(options.complaints[0].option, "iommu=off");
    EXPECT_FALSE(options.reboot);
}

class Malformed : public testing::TestWithParam<char const*> {};

TEST_P(Malformed, OptionIsAnErrorThatNamesItAndChangesNothing) {
    Options options = parse_command_line(GetParam());
    ASSERT_EQ(options.complaint_count, 1u);
    EXPECT_TRUE(options.complaints[0].is_error);
    EXPECT_EQ(options.complaints[0].option, GetParam());
    EXPECT_NE(options.complaints[0].reason, std::string{});
    EXPECT_EQ(options.console, 1u);
    EXPECT_EQ(options.com[0].baud, 115200u);
    EXPECT_FALSE(options.dom0_memory);
    EXPECT_EQ(options.dom0_max_vcpus, 0u);
    EXPECT_FALSE(options.log_level);
}

INSTANTIATE_TEST_SUITE_P(CommandLine, Malformed,
                         testing::Values("console=vga", "console=", "com1=", "com1", "com1=110000", "com1=115200,9n1",
                                         "com1=115200,8x1", "com1=115200,8n", "com1=9600,8n1,zz",
                                         "com1=9600,8n1,0x3f8,99", "com1=9600,8n1,0x3f8,4,5", "dom0_mem=", "dom0_mem",
                                         "dom0_mem=lots", "dom0_mem=512Q", "dom0_mem=99999999999999999999",
                                         "dom0_mem=0xffffffffffffffffG", "dom0_max_vcpus=0", "dom0_max_vcpus=129",
                                         "dom0_max_vcpus=4-2", "dom0_max_vcpus=-", "dom0_max_vcpus=two", "loglvl=loud",
                                         "loglvl=info/", "noreboot=1"));

TEST(CommandLine, SizesHaveUnits) {
    EXPECT_EQ(parse_command_line("dom0_mem=8").dom0_memory->bytes, 8u << 10);
    EXPECT_EQ(parse_command_line("dom0_mem=4096B").dom0_memory->bytes, 4096u);
    EXPECT_EQ(parse_command_line("dom0_mem=0x10m").dom0_memory->bytes, 16 * MiB);
    EXPECT_EQ(parse_command_line("dom0_mem=1t").dom0_memory->bytes, u64{1} << 40);
}

TEST(CommandLine, MoreComplaintsThanFitAreDropped) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "x" + std::to_string(i) + " ";
    EXPECT_EQ(parse_command_line(text).complaint_count, Options{}.complaints.size());
}

u64 pages_for(char const* text, u64 free_pages) { return dom0_pages(parse_command_line(text), free_pages); }

TEST(Dom0Memory, WithoutTheOptionLeavesSomeToTheHypervisor) {
    EXPECT_EQ(pages_for("", 16 * 1024), 15u * 1024);
    EXPECT_EQ(pages_for("", u64{1} << 24), (u64{1} << 24) - (128 * MiB >> page_shift));
}

TEST(Dom0Memory, FollowsTheOption) {
    EXPECT_EQ(pages_for("dom0_mem=512M", 1 << 20), 512 * MiB >> page_shift);
    EXPECT_EQ(pages_for("dom0_mem=-1G", 1 << 20), 3072 * MiB >> page_shift);
    EXPECT_EQ(pages_for("dom0_mem=-8G", 1 << 20), 0u);
    EXPECT_EQ(pages_for("dom0_mem=max:1G", 1 << 20), 1024 * MiB >> page_shift);
    EXPECT_EQ(pages_for("dom0_mem=-3G,min:2G", 1 << 20), 2048 * MiB >> page_shift);
}
}  // namespace
}  // namespace hv::boot
