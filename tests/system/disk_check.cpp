// SPDX-License-Identifier: MIT
// Writes and reads a disk without the page cache, at many places at once, and knows what must stand there.
//
//   disk_check DISK SIGNAL   until the disk SIGNAL begins with "stop"; then looks at every block of DISK
//
// Each thread has a part of the disk. A block that was answered for holds what was written last: its place and a number
// that grows. So a write that is lost, done twice with another between, or done late is found when the block is read.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {
constexpr std::size_t block = 4096, most_blocks = 64;
constexpr unsigned threads = 8;

std::atomic<bool> is_over = false;
std::atomic<std::uint64_t> operations = 0;

[[noreturn]] void fail(std::string const& what) {
    std::printf("guest: disk FAILED: %s\n", what.c_str());
    std::fflush(stdout);
    _exit(1);
}

class Part {
public:
    Part(int disk, std::uint64_t first, std::size_t count)
        : disk_{disk}, first_{first}, written_(count), random_{static_cast<unsigned>(first)} {
        memory_ = static_cast<std::uint64_t*>(std::aligned_alloc(block, most_blocks * block));
    }

    void run() {
        write(0, written_.size());
        while (!is_over) {
            std::size_t const at = random_() % written_.size();
            std::size_t const length = 1 + random_() % std::min(most_blocks, written_.size() - at);
            switch (random_() % 16) {
                case 0:
                    if (fdatasync(disk_) < 0) fail("flush");
                    break;
                case 1: discard(at, length); break;
                case 2:
                case 3:
                case 4:
                case 5:
                case 6:
                case 7: check(at, length); break;
                default: write(at, random_() % 4 == 0 ? length : 1); break;
            }
            ++operations;
        }
        check(0, written_.size());
    }

private:
    std::uint64_t place(std::size_t at) const { return (first_ + at) * block; }
    // What a word of a block holds; 0 after a discard.
    std::uint64_t word(std::size_t at, std::size_t index) const {
        return written_[at] == 0 ? 0 : (first_ + at) << 40 | written_[at] << 9 | index;
    }

    void write(std::size_t at, std::size_t length) {
        for (std::size_t done = 0; done < length;) {
            std::size_t const count = std::min(most_blocks, length - done);
            for (std::size_t i = 0; i < count; ++i) {
                written_[at + done + i] = ++number_;
                for (std::size_t j = 0; j < block / 8; ++j) memory_[i * block / 8 + j] = word(at + done + i, j);
            }
            if (pwrite(disk_, memory_, count * block, static_cast<off_t>(place(at + done))) !=
                static_cast<ssize_t>(count * block))
                fail("write at " + std::to_string(place(at + done)) + ": " + std::strerror(errno));
            done += count;
        }
    }
    void check(std::size_t at, std::size_t length) {
        for (std::size_t done = 0; done < length;) {
            std::size_t const count = std::min(most_blocks, length - done);
            std::memset(memory_, 0xff, count * block);
            if (pread(disk_, memory_, count * block, static_cast<off_t>(place(at + done))) !=
                static_cast<ssize_t>(count * block))
                fail("read at " + std::to_string(place(at + done)) + ": " + std::strerror(errno));
            for (std::size_t i = 0; i < count * block / 8; ++i) {
                std::uint64_t const must = word(at + done + i / (block / 8), i % (block / 8));
                if (memory_[i] != must)
                    fail("at " + std::to_string(place(at + done) + i * 8) + " stands " + std::to_string(memory_[i]) +
                         ", not " + std::to_string(must));
            }
            done += count;
        }
    }
    void discard(std::size_t at, std::size_t length) {
        std::uint64_t const range[] = {place(at), length * block};
        if (ioctl(disk_, BLKDISCARD, range) < 0) fail(std::string{"discard: "} + std::strerror(errno));
        for (std::size_t i = 0; i < length; ++i) written_[at + i] = 0;
    }

    int disk_;
    std::uint64_t first_;
    std::vector<std::uint64_t> written_;
    std::uint64_t number_ = 0;
    std::minstd_rand random_;
    std::uint64_t* memory_;
};

int open_disk(char const* path, int flags) {
    int const fd = open(path, flags | O_DIRECT);
    if (fd < 0) fail(std::string{path} + ": " + std::strerror(errno));
    return fd;
}
}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) fail("two disks are needed");
    int const disk = open_disk(argv[1], O_RDWR), signal = open_disk(argv[2], O_RDONLY);
    off_t const size = lseek(disk, 0, SEEK_END);
    std::size_t const count = static_cast<std::size_t>(size) / block / threads;
    std::vector<std::thread> all;
    for (unsigned i = 0; i < threads; ++i) all.emplace_back([=] { Part{disk, std::uint64_t{i} * count, count}.run(); });
    auto* const word = static_cast<char*>(std::aligned_alloc(block, block));
    for (unsigned round = 0;; ++round) {
        usleep(200'000);
        if (pread(signal, word, block, 0) != static_cast<ssize_t>(block)) fail("read the signal");
        if (std::memcmp(word, "stop", 4) == 0) break;
        if (round % 5 == 0) std::printf("guest: disk operations %llu\n", static_cast<unsigned long long>(operations));
        std::fflush(stdout);
    }
    is_over = true;
    for (std::thread& one : all) one.join();
    if (fsync(disk) < 0) fail("flush");
    std::printf("guest: disk in order after %llu operations\n", static_cast<unsigned long long>(operations));
}
