// SPDX-License-Identifier: MIT
// Names that others chose: what they may reach, and that looking at anything else has no effect on it.
#include "os/chosen_file.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "os/io.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {
namespace fs = std::filesystem;
using paravane::AllowedDisks;
using paravane::AllowedFolders;
using paravane::ChosenFile;
using paravane::OwnedFd;
using paravane::Result;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint64_t limit = 1 << 20;

class ChosenFileTest : public testing::Test {
protected:
    void SetUp() override {
        fs::remove_all(top);
        fs::create_directories(top + "/allowed/inner");
        fs::create_directories(top + "/outside");
        write("/allowed/kernel", "kernel");
        write("/allowed/inner/kernel", "inner kernel");
        write("/outside/secret", "secret");
    }
    void TearDown() override { fs::remove_all(top); }

    void write(std::string const& name, std::string const& text) const { std::ofstream{top + name} << text; }
    void link(std::string const& name, std::string const& target) const { fs::create_symlink(target, top + name); }

    // What is in it, or why not.
    std::string read(std::string const& name) const { return read_at(allowed, top + name); }
    static std::string read_at(AllowedFolders const& folders, std::string const& path) {
        Result<ChosenFile> file = folders.open(path, limit);
        if (!file) return file.error().message();
        std::string text(file->size, '\0');
        EXPECT_TRUE(paravane::read_all_at(file->fd.get(), std::as_writable_bytes(std::span{text}), 0));
        return text;
    }

    std::string const top = testing::TempDir() + "chosen-" + std::to_string(getpid());
    AllowedFolders const allowed{{top + "/allowed", top + "/allowed2"}};
};

TEST_F(ChosenFileTest, FilesBelowAnAllowedFolderAreRead) {
    link("/allowed/relative", "inner/kernel");
    link("/allowed/inner/up", "../kernel");
    EXPECT_EQ(read("/allowed/kernel"), "kernel");
    EXPECT_EQ(read("//allowed/./inner//kernel"), "inner kernel");
    EXPECT_EQ(read("/allowed/inner/../kernel"), "kernel");
    EXPECT_EQ(read("/allowed/relative"), "inner kernel");
    EXPECT_EQ(read("/allowed/inner/up"), "kernel");
}

TEST_F(ChosenFileTest, OtherPlacesAreRefusedByName) {
    std::string const list = "it is in none of the allowed folders: " + top + "/allowed, " + top + "/allowed2";
    EXPECT_EQ(read("/outside/secret"), list);
    EXPECT_EQ(read("/allowed3/kernel"), list);
    EXPECT_EQ(read("/outside/../allowed/kernel"), list) << "only the kernel can follow \"..\"";
    EXPECT_EQ(read("/allowed"), list);
    EXPECT_THAT(read("/allowed2/kernel"), StartsWith("the allowed folder " + top + "/allowed2: No such file"));
    EXPECT_EQ(read("/allowed/none"), "No such file or directory");
    EXPECT_EQ(read("/allowed/kernel/none"), "Not a directory");
    EXPECT_EQ(read_at(AllowedFolders{{}}, "/etc/passwd"), "it is in none of the allowed folders: there are none");
}

TEST_F(ChosenFileTest, LinksLeadNowhereElse) {
    std::string const outside = "a link or \"..\" in it leads outside of " + top + "/allowed";
    link("/allowed/relative", "../outside/secret");
    link("/allowed/absolute", top + "/outside/secret");
    link("/allowed/folder", "../outside");
    link("/allowed/itself", top + "/allowed/kernel");
    link("/allowed/round", "round");
    for (char const* name : {"/allowed/relative", "/allowed/absolute", "/allowed/folder/secret", "/allowed/itself",
                             "/allowed/../outside/secret", "/allowed/inner/../../outside/secret"})
        EXPECT_EQ(read(name), outside) << name;
    EXPECT_THAT(read("/allowed/round"), StartsWith("it leads through too many links"));
}

TEST_F(ChosenFileTest, WhatIsNoRegularFileIsNamed) {
    ASSERT_EQ(mkfifo((top + "/allowed/fifo").c_str(), 0600), 0);
    OwnedFd listener{socket(AF_UNIX, SOCK_STREAM, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (top + "/allowed/socket").copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(read("/allowed/fifo"), "it is a FIFO");
    EXPECT_EQ(read("/allowed/socket"), "it is a socket");
    EXPECT_EQ(read("/allowed/inner"), "it is a folder");
    AllowedFolders const devices{{"/dev"}};
    EXPECT_EQ(read_at(devices, "/dev/null"), "it is a character device");
    EXPECT_EQ(read_at(devices, "/dev/zero"), "it is a character device");
}

// Whoever waits for a reader would be let go by an open, even by one that is closed at once.
TEST_F(ChosenFileTest, LookingAtAFifoIsNotOpeningIt) {
    std::string const fifo = top + "/allowed/fifo";
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    link("/allowed/vmlinuz", "fifo");
    std::atomic<bool> let_go = false;
    std::atomic<bool> waits = false;
    std::jthread writer{[&] {
        waits = true;
        OwnedFd end{open(fifo.c_str(), O_WRONLY | O_CLOEXEC)};
        let_go = true;
    }};
    while (!waits) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
    for (int i = 0; i < 100; ++i) EXPECT_EQ(read("/allowed/vmlinuz"), "it is a FIFO");
    EXPECT_FALSE(let_go);
    OwnedFd reader{open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    writer.join();
}

TEST_F(ChosenFileTest, TheKernelsOwnFilesAreNone) {
    AllowedFolders const everywhere{{"/"}};
    EXPECT_THAT(read_at(everywhere, "/proc/self/fd/0"), HasSubstr("one of the kernel's own"));
    EXPECT_THAT(read_at(everywhere, "/proc/self/exe"), HasSubstr("one of the kernel's own"));
    EXPECT_THAT(read_at(everywhere, "/proc/self/root/etc/passwd"), HasSubstr("one of the kernel's own"));
    EXPECT_EQ(read_at(everywhere, "/proc/version"), "it lies in a file system of the kernel's own");
    EXPECT_EQ(read_at(everywhere, "/proc/self/mem"), "it lies in a file system of the kernel's own");
    link("/allowed/through", "/proc/self/root" + top + "/outside/secret");
    EXPECT_THAT(read("/allowed/through"), HasSubstr("leads outside"));
    EXPECT_EQ(read_at(everywhere, top + "/outside/secret"), "secret");
}

TEST_F(ChosenFileTest, SizesAreChecked) {
    write("/allowed/largest", std::string(limit, 'x'));
    write("/allowed/larger", std::string(limit + 1, 'x'));
    EXPECT_EQ(read("/allowed/largest").size(), limit);
    EXPECT_EQ(read("/allowed/larger"), "it is larger than 1 MiB");
    fs::resize_file(top + "/allowed/larger", std::uintmax_t{1} << 40);  // of holes
    EXPECT_EQ(read("/allowed/larger"), "it is larger than 1 MiB");
}

// Of the host's devices only those that fit, and only if they are for blocks.
TEST_F(ChosenFileTest, DisksAreFilesAndBlockDevicesOfTheirNames) {
    AllowedDisks const disks{{top + "/allowed"}, {"/dev/nu*", "/dev/guests/*"}};
    auto const refusal_of = [&](std::string const& path) {
        Result<OwnedFd> found = disks.find(path);
        return found ? "it worked" : found.error().message();
    };
    EXPECT_EQ(refusal_of(top + "/allowed/inner/kernel"), "it worked");
    EXPECT_THAT(refusal_of(top + "/outside/secret"), StartsWith("it is in none of the allowed folders"));
    EXPECT_EQ(refusal_of("/dev/null"), "it is no block device");
    for (char const* path : {"/dev/zero", "/dev/sub/null", "/dev/nu/../zero", "/dev/guests/../zero", "/dev//null"})
        EXPECT_THAT(refusal_of(path), StartsWith("it is in none of the allowed folders")) << path;
    EXPECT_EQ(refusal_of("/dev/guests/none"), "No such file or directory");

    OwnedFd const file = *disks.open(top + "/allowed/kernel", AllowedDisks::Access::read_and_write);
    EXPECT_EQ(fcntl(file.get(), F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
    EXPECT_EQ(pwrite(file.get(), "K", 1, 0), 1);
    EXPECT_EQ(read("/allowed/kernel"), "Kernel");
    OwnedFd const seen = *disks.open(top + "/allowed/kernel", AllowedDisks::Access::read);
    EXPECT_EQ(pwrite(seen.get(), "k", 1, 0), -1);
}

// Who may move things in an allowed folder while a name is looked up still cannot lead it elsewhere.
TEST_F(ChosenFileTest, NothingIsGainedByMovingThingsMeanwhile) {
    std::string const name = top + "/allowed/swapped";
    std::string const good = top + "/allowed/good", bad = top + "/allowed/bad";
    write("/allowed/good", "kernel");
    link("/allowed/bad", "../outside/secret");
    fs::create_hard_link(good, name);
    std::atomic<bool> done = false;
    std::jthread swapper{[&] {
        for (bool to_bad = true; !done; to_bad = !to_bad) {
            std::string const next = top + "/allowed/next";
            if (to_bad) fs::copy_symlink(bad, next);
            else fs::create_hard_link(good, next);
            fs::rename(next, name);
            fs::remove(next);
        }
    }};
    for (int i = 0; i < 2000; ++i)
        EXPECT_THAT(read("/allowed/swapped"), testing::AnyOf("kernel", HasSubstr("outside")));
    done = true;
}
}  // namespace
