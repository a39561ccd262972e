// SPDX-License-Identifier: MIT
#include "x86/boot/boot_info.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace hv::boot {
namespace {
// A small physical memory that a boot loader filled.
std::vector<std::byte> memory;

std::byte const* physical(u64 address) { return memory.data() + address; }

class Writer {
public:
    explicit Writer(u64 at) : at_{at} {}
    template <class T>
    Writer& put(T value) {
        std::memcpy(memory.data() + at_, &value, sizeof value);
        at_ += sizeof value;
        return *this;
    }
    Writer& text(char const* value) {
        std::memcpy(memory.data() + at_, value, std::strlen(value) + 1);
        at_ += std::strlen(value) + 1;
        return *this;
    }
    Writer& align() {
        at_ = round_up(at_, 8);
        return *this;
    }
    u64 at() const { return at_; }

private:
    u64 at_;
};

class Multiboot : public testing::Test {
protected:
    Multiboot() { memory.assign(0x10000, std::byte{0}); }
};

void write_multiboot1(char const* loader) {
    Writer{0x100}.put<u32>(1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
    Writer{0x110}.put<u32>(0x1000);               // command line
    Writer{0x114}.put<u32>(2).put<u32>(0x2000);   // modules
    Writer{0x12c}.put<u32>(48).put<u32>(0x3000);  // memory map
    Writer{0x140}.put<u32>(0x4000);               // loader's name
    Writer{0x1000}.text("/boot/paravane console=com1");
    Writer{0x2000}.put<u32>(0x5000).put<u32>(0x6000).put<u32>(0x1100).put<u32>(0);
    Writer{0x2010}.put<u32>(0x7000).put<u32>(0x7001).put<u32>(0x1200).put<u32>(0);
    Writer{0x1100}.text("vmlinux root=/dev/ram");
    Writer{0x1200}.text("initrd");
    Writer{0x3000}.put<u32>(20).put<u64>(0).put<u64>(0x9fc00).put<u32>(1);
    Writer{0x3018}.put<u32>(20).put<u64>(0x100000).put<u64>(0x100000).put<u32>(77);
    Writer{0x4000}.text(loader);
}

TEST_F(Multiboot, One) {
    write_multiboot1("qemu");
    BootInfo info;
    read_multiboot1(0x100, physical, info);
    EXPECT_EQ(info.problem, nullptr);
    EXPECT_EQ(info.loader.view(), "qemu");
    EXPECT_EQ(info.command_line.view(), "console=com1");
    ASSERT_EQ(info.module_count, 2u);
    EXPECT_EQ(info.modules[0].start.value, 0x5000u);
    EXPECT_EQ(info.modules[0].size, 0x1000u);
    EXPECT_EQ(info.modules[0].command_line.view(), "root=/dev/ram");
    EXPECT_EQ(info.modules[1].command_line.view(), "");
    ASSERT_EQ(info.memory_count, 2u);
    EXPECT_EQ(info.memory[0].type, abi::e820::ram);
    EXPECT_EQ(info.memory[1].type, abi::e820::reserved);  // a type nobody knows is not RAM
}

TEST_F(Multiboot, OneByGrubHasNoFileNames) {
    write_multiboot1("GRUB 2.06");
    Writer{0x1000}.text("console=com1 noreboot");
    BootInfo info;
    read_multiboot1(0x100, physical, info);
    EXPECT_EQ(info.command_line.view(), "console=com1 noreboot");
}

TEST_F(Multiboot, Two) {
    Writer w{0x108};
    w.put<u32>(1).put<u32>(8 + 13).text("console=com1").align();
    w.put<u32>(2).put<u32>(8 + 5).text("GRUB").align();
    w.put<u32>(3).put<u32>(16 + 3).put<u32>(0x5000).put<u32>(0x5010).text("ro").align();
    w.put<u32>(6).put<u32>(16 + 48).put<u32>(24).put<u32>(0);
    w.put<u64>(0).put<u64>(0xa0000).put<u32>(1).put<u32>(0);
    w.put<u64>(0xa0000).put<u64>(0x1000).put<u32>(3).put<u32>(0);
    w.put<u32>(12).put<u32>(16).put<u64>(0x7ffe'd018);
    Writer{0x100}.put<u32>(static_cast<u32>(w.at() - 0x100));
    BootInfo info;
    read_multiboot2(0x100, physical, info);
    EXPECT_EQ(info.problem, nullptr);
    EXPECT_EQ(info.command_line.view(), "console=com1");
    EXPECT_EQ(info.loader.view(), "GRUB");
    ASSERT_EQ(info.module_count, 1u);
    EXPECT_EQ(info.modules[0].size, 0x10u);
    EXPECT_EQ(info.modules[0].command_line.view(), "ro");
    ASSERT_EQ(info.memory_count, 2u);
    EXPECT_EQ(info.memory[1].type, abi::e820::acpi);
    EXPECT_EQ(info.efi_system_table, 0x7ffe'd018u);
}

TEST_F(Multiboot, TwoStopsAtATagThatIsNoTag) {
    Writer{0x100}.put<u32>(0x100).put<u32>(0).put<u32>(1).put<u32>(4);
    BootInfo info;
    read_multiboot2(0x100, physical, info);
    EXPECT_NE(info.problem, nullptr);  // no memory map
    Writer{0x10c}.put<u32>(0x1000);    // longer than everything
    read_multiboot2(0x100, physical, info);
    EXPECT_EQ(info.memory_count, 0u);
}

TEST_F(Multiboot, MoreModulesThanFitAreAProblem) {
    write_multiboot1("qemu");
    Writer{0x114}.put<u32>(20).put<u32>(0x2000);
    BootInfo info;
    read_multiboot1(0x100, physical, info);
    EXPECT_EQ(info.module_count, max_modules);
    EXPECT_STREQ(info.problem, "too many modules");
}
}  // namespace
}  // namespace hv::boot
