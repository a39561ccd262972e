// SPDX-License-Identifier: MIT
// How paravaned gets a kernel and an initrd out of files that others chose: by pvunpack, and by one that lies.
#include "kernel/image_reader.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "tests/unit/dom0-tools/unpack/packed_kernel.hpp"
#include "unpack/kernel_image.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {
namespace fs = std::filesystem;
using namespace paravane;
using namespace std::chrono_literals;
using test::Bytes;
using testing::HasSubstr;
using testing::StartsWith;

class Reader : public testing::Test {
protected:
    void SetUp() override {
        fs::remove_all(top);
        fs::create_directories(allowed);
        for (std::string const& folder : {top, allowed}) chmod(folder.c_str(), 0755);
    }
    void TearDown() override { fs::remove_all(top); }

    std::string write(std::string const& name, Bytes const& content) const {
        std::string const path = allowed + name;
        std::ofstream{path, std::ios::binary}.write(reinterpret_cast<char const*>(content.data()),
                                                    static_cast<std::streamsize>(content.size()));
        chmod(path.c_str(), 0644);
        return path;
    }
    ImageSettings settings(char const* program = PVUNPACK) const {
        return {.program = program, .user = "nobody", .folders = {allowed}};
    }
    // Why not, or "it worked".
    static std::string reason(Result<Images> const& images) { return images ? "it worked" : images.error().message(); }
    std::string try_to_read(ImageFiles const& files) const {
        ImageReader reader{settings()};
        return reason(reader.read(files));
    }
    std::string believe(std::string const& lie, std::chrono::seconds time = 300s) const {
        ImageSettings liar = settings(IMAGE_LIAR);
        liar.limits.time = time;
        ImageReader reader{liar};
        std::string const why = reason(reader.read({"/lies/" + lie, "/initrd"}));
        EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a process is left";
        return why;
    }

    std::string const top = testing::TempDir() + "reader-" + std::to_string(getpid());
    std::string const allowed = top + "/allowed";
};

TEST_F(Reader, AKernelAndItsInitrdAreRead) {
    Bytes const elf = test::make_elf({.segments = {{.file_size = 300'000, .memory_size = 400'000}, {.paddr = 0x200000}},
                                      .hypercall_page = 0xffffffff80101000,
                                      .init_p2m = 0x8000000000,
                                      .mod_start_pfn = 1});
    Bytes initrd(3'000'001, std::byte{'i'});
    std::string const plain = write("/vmlinux", elf), with = write("/initrd", initrd);
    ImageReader reader{settings()};
    for (std::string const& kernel : {plain, write("/vmlinuz", test::make_bzimage(elf, Compression::xz))}) {
        Result<Images> images = reader.read({kernel, with});
        ASSERT_TRUE(images) << reason(images);
        EXPECT_TRUE(std::ranges::equal(images->elf.bytes(), elf));
        EXPECT_TRUE(std::ranges::equal(images->initrd.bytes(), initrd));
        hv::pv::KernelImage const expected = *parse_guest_kernel(elf);
        EXPECT_EQ(images->kernel.segment_count, 2u);
        EXPECT_EQ(images->kernel.start, expected.start);
        EXPECT_EQ(images->kernel.end, expected.end);
        EXPECT_EQ(images->kernel.entry, expected.entry);
        EXPECT_EQ(images->kernel.virt_base, expected.virt_base);
        EXPECT_EQ(images->kernel.hypercall_page, expected.hypercall_page);
        EXPECT_EQ(images->kernel.init_p2m, expected.init_p2m);
        EXPECT_EQ(images->kernel.initrd_by_pfn, expected.initrd_by_pfn);
    }
    // Not more of it than has room in the domain.
    EXPECT_TRUE(reader.read({plain, with}, initrd.size()));
    EXPECT_THAT(reason(reader.read({plain, with}, initrd.size() - 1)), HasSubstr("initrd: it is larger than 2 MiB"));
    Result<Images> alone = reader.read({plain, ""});
    ASSERT_TRUE(alone) << reason(alone);
    EXPECT_TRUE(alone->initrd.bytes().empty());
}

TEST_F(Reader, WhatCannotBeReadIsNamedWithItsReason) {
    std::string const good = write("/good", test::make_elf());
    fs::create_symlink("/dev/null", allowed + "/device");
    fs::create_symlink("fifo", allowed + "/vmlinuz");
    ASSERT_EQ(mkfifo((allowed + "/fifo").c_str(), 0644), 0);
    EXPECT_EQ(try_to_read({"/etc/passwd", ""}), "kernel /etc/passwd: it is in none of the allowed folders: " + allowed);
    EXPECT_EQ(try_to_read({allowed + "/device", ""}),
              "kernel " + allowed + "/device: a link or \"..\" in it leads outside of " + allowed);
    EXPECT_EQ(try_to_read({allowed + "/vmlinuz", ""}), "kernel " + allowed + "/vmlinuz: it is a FIFO");
    EXPECT_EQ(try_to_read({good, "/etc/shadow"}),
              "initrd /etc/shadow: it is in none of the allowed folders: " + allowed);
    EXPECT_EQ(try_to_read({write("/noise", Bytes(5000, std::byte{3})), ""}),
              "kernel " + allowed + "/noise: neither an ELF nor a bzImage");
    EXPECT_EQ(try_to_read({write("/empty", {}), ""}), "kernel " + allowed + "/empty: the file is empty");
    EXPECT_EQ(try_to_read({write("/other", test::make_elf({.loader = "a\n\x1b[2Jb"})), ""}),
              "kernel " + allowed + "/other: it wants another loader than \"generic\": \"a??[2Jb\"");
    fs::resize_file(good, (std::uintmax_t{256} << 20) + 1);
    EXPECT_EQ(try_to_read({good, ""}), "kernel " + good + ": it is larger than 256 MiB");
    EXPECT_THAT(try_to_read({allowed + "/none", ""}), HasSubstr("/none: No such file"));
}

// What only root may read is not for a domain file to name.
TEST_F(Reader, FilesAreReadWithoutTheRightsOfRoot) {
    std::string const secret = write("/secret", test::make_elf());
    chmod(secret.c_str(), 0);
    EXPECT_EQ(try_to_read({secret, ""}), "kernel " + secret + ": Permission denied");
    ImageSettings wrong = settings();
    for (char const* user : {"root", "nobody-of-that-name"}) {
        wrong.user = user;
        ImageReader reader{wrong};
        Result<Images> images = reader.read({write("/good", test::make_elf()), ""});
        // Who is not root cannot become another user, and need not.
        EXPECT_EQ(!images, geteuid() == 0) << reason(images);
        if (!images) {
            EXPECT_THAT(reason(images), StartsWith(std::string{"pvunpack: become user "} + user));
            EXPECT_EQ(images.error().kind, ErrorKind::internal);
        }
    }
}

TEST_F(Reader, MemoryIsBounded) {
    ImageSettings small = settings();
    small.limits.kernel = 64 << 20;
    small.limits.memory = 110 << 20;
    ImageReader reader{small};
    std::string const good = write("/good", test::make_elf());
    Result<Images> images = reader.read({good, ""});
    EXPECT_TRUE(images) << reason(images);
    fs::resize_file(write("/large", Bytes(1)), 64 << 20);
    EXPECT_EQ(reason(reader.read({allowed + "/large", ""})),
              "kernel " + allowed + "/large: it needs more memory to unpack than a kernel may");
    // Packed to almost nothing, but not more than there is room for.
    std::string const bomb = write("/bomb", test::pack(Bytes(65 << 20), Compression::gzip));
    EXPECT_THAT(reason(reader.read({bomb, ""})), HasSubstr("gzip payload: unpacks to more than 67108864 bytes"));
}

TEST_F(Reader, AReportThatLiesIsNoticed) {
    struct {
        char const* lie;
        char const* answer;
    } const cases[] = {
        {"none", "it worked"},
        {"magic", "pvunpack's report: it is none"},
        {"refused", "pvunpack's report: it is none"},
        {"part", "pvunpack's report: it speaks of no file that it was given"},
        {"kind", "pvunpack's report: it gives a reason of no kind"},
        {"kind of another", "pvunpack's report: it gives a reason of no kind"},
        {"kind beyond a byte", "pvunpack's report: it gives a reason of no kind"},
        {"no reason", "kernel /lies/no reason: it was refused without a reason"},
        {"count 0", "pvunpack's report: it has no segments, or too many"},
        {"count 17", "pvunpack's report: it has no segments, or too many"},
        {"count of many", "pvunpack's report: it has no segments, or too many"},
        {"flags", "pvunpack's report: it has flags that nobody knows"},
        {"virt_base", "pvunpack's report: its notes name no usable base address"},
        {"entry", "pvunpack's report: its entry point is outside its segments"},
        {"hypercall_page", "pvunpack's report: its hypercall page is outside its segments"},
        {"init_p2m", "pvunpack's report: the address it wants for the list of frames cannot be used"},
        {"address", "pvunpack's report: a segment's address is outside"},
        {"memory_size", "pvunpack's report: a segment's address is outside"},
        {"offset", "pvunpack's report: a segment is outside the file"},
        {"file_size", "pvunpack's report: a segment is outside the file"},
        {"segment", "pvunpack's report: "},
        {"large kernel", "seal a file in memory: it is larger than it may be"},
        {"large initrd", "seal a file in memory: it is larger than it may be"},
        {"child", "seal a file in memory: Device or resource busy"},
        {"silent", "pvunpack's report: it has not the length of one"},
        {"short", "pvunpack's report: it has not the length of one"},
        {"long", "pvunpack's report: it has not the length of one"},
        {"status", "kernel /lies/status and initrd /initrd: pvunpack ended with status 7"},
        {"crash", "kernel /lies/crash and initrd /initrd: pvunpack was ended: Segmentation fault"},
        {"killed", "kernel /lies/killed and initrd /initrd: pvunpack was killed: there may be too little memory"},
        {"call", "kernel /lies/call and initrd /initrd: pvunpack did what it may not do, and was ended"},
        {"spin", "kernel /lies/spin and initrd /initrd: reading them takes too long"},
    };
    for (auto const& each : cases) EXPECT_THAT(believe(each.lie), StartsWith(each.answer)) << each.lie;
    EXPECT_EQ(believe("reason"), "initrd /initrd: " + std::string(sizeof(ImageReport::reason), '?'));
}

TEST_F(Reader, WhoDoesNotEndIsEnded) {
    EXPECT_EQ(believe("sleep", 1s), "kernel /lies/sleep and initrd /initrd: not read within 1 s");
    EXPECT_EQ(believe("close and sleep", 1s), "kernel /lies/close and sleep and initrd /initrd: not read within 1 s");
}

TEST_F(Reader, AProgramThatIsNotThereIsAnErrorOfOurs) {
    ImageReader reader{settings("/no/pvunpack")};
    Result<Images> images = reader.read({"/kernel", ""});
    EXPECT_EQ(reason(images), "start /no/pvunpack: No such file or directory");
    EXPECT_EQ(images.error().kind, ErrorKind::internal);
}

TEST_F(Reader, WhoeverWaitsMayGiveUp) {
    ImageReader reader{settings(IMAGE_LIAR)};
    for (auto delay : {0ms, 50ms}) {
        std::stop_source stop;
        std::jthread stopper{[&] {
            std::this_thread::sleep_for(delay);
            stop.request_stop();
        }};
        Result<Images> images = reader.read({"/lies/sleep", ""}, stop.get_token());
        EXPECT_EQ(reason(images), "kernel /lies/sleep: nobody waits for them any more");
        EXPECT_EQ(images.error().kind, ErrorKind::timed_out);
        EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a process is left";
    }
}

// Results count as long as they are held: they are memory.
TEST_F(Reader, SoManyAreReadAtATime) {
    ImageSettings one = settings(IMAGE_LIAR);
    one.most_at_once = 1;
    ImageReader reader{one};
    std::optional<Result<Images>> held = reader.read({"/lies/none", ""});
    ASSERT_TRUE(*held) << reason(*held);
    auto soon = [](auto what) {
        return std::jthread{[what] {
            std::this_thread::sleep_for(50ms);
            what();
        }};
    };
    std::stop_source stop;
    {
        std::jthread giving_up = soon([&] { stop.request_stop(); });
        EXPECT_EQ(reason(reader.read({"/lies/none", ""}, stop.get_token())),
                  "kernel /lies/none: nobody waits for them any more");
    }
    std::jthread letting_go = soon([&] { held.reset(); });
    EXPECT_EQ(reason(reader.read({"/lies/none", ""})), "it worked");
}

// One that takes as long as it likes does not keep another from being read.
TEST_F(Reader, SlowFilesStopNobodyElse) {
    ImageReader reader{settings(IMAGE_LIAR)};
    std::string const signal = top + "/signal";
    std::string slow = "not yet";
    std::jthread waiting{[&] { slow = reason(reader.read({"/lies/until:" + signal, ""})); }};
    for (int i = 0; i < 5; ++i) EXPECT_EQ(reason(reader.read({"/lies/none", ""})), "it worked");
    EXPECT_EQ(slow, "not yet");
    std::ofstream{signal} << "go";
    waiting.join();
    EXPECT_EQ(slow, "it worked");
}
}  // namespace
