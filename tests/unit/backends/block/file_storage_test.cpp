// SPDX-License-Identifier: MIT
// Files and what the kernel does with them.
#include "block/file_storage.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cstring>
#include <vector>

namespace {
using namespace paravane;
using namespace paravane::block;
using namespace std::chrono_literals;

constexpr std::size_t size = 1 << 20;

// Opened anew, as for each process.
struct Image {
    OwnedFd file{memfd_create("image", MFD_CLOEXEC)};
    explicit Image(std::size_t bytes = size) { EXPECT_EQ(ftruncate(file.get(), static_cast<off_t>(bytes)), 0); }
    OwnedFd open(int flags = O_RDWR) const {
        return OwnedFd{::open(("/proc/self/fd/" + std::to_string(file.get())).c_str(), flags | O_CLOEXEC)};
    }
};

struct Request : Transfer {
    alignas(page_size) std::array<char, 2 * page_size> data{};
    std::array<iovec, 2> parts{iovec{data.data(), page_size}, iovec{data.data() + page_size, page_size}};

    Request(Action what, std::uint64_t at, char fill = 0) {
        action = what;
        offset = at;
        length = data.size();
        data.fill(fill);
        if (what == Action::read || what == Action::write) memory = parts;
    }
};

bool run(FileStorage& storage, Transfer& transfer) {
    storage.submit(transfer);
    EXPECT_TRUE(storage.push());
    for (;;) {
        if (std::optional<Done> done = storage.next_done()) {
            EXPECT_EQ(done->transfer, &transfer);
            return done->okay;
        }
        pollfd one{storage.fd(), POLLIN, 0};
        EXPECT_EQ(poll(&one, 1, 60'000), 1);
    }
}

std::unique_ptr<FileStorage> open_storage(Image const& image, FileOptions const& options = {}) {
    Result<std::unique_ptr<FileStorage>> storage = FileStorage::open(image.open(), options);
    EXPECT_TRUE(storage) << storage.error().message();
    return *std::move(storage);
}

TEST(FileStorage, HoldsWhatIsWritten) {
    Image image;
    std::unique_ptr<FileStorage> storage = open_storage(image);
    EXPECT_EQ(storage->look()->size, size);
    EXPECT_TRUE(storage->look()->discards);
    Request write{Action::write, 8192, 'w'}, flush{Action::flush, 0}, read{Action::read, 8192},
        discard{Action::discard, 8192}, again{Action::read, 8192, 'x'};
    EXPECT_TRUE(run(*storage, write));
    EXPECT_TRUE(run(*storage, flush));
    EXPECT_TRUE(run(*storage, read));
    EXPECT_EQ(read.data.front(), 'w');
    EXPECT_EQ(read.data.back(), 'w');
    EXPECT_TRUE(run(*storage, discard));
    EXPECT_TRUE(run(*storage, again));
    EXPECT_EQ(again.data.front(), 0);
    EXPECT_EQ(again.data.back(), 0);
}

TEST(FileStorage, DoesMoreAtOnceThanItsRingHolds) {
    Image image;
    std::unique_ptr<FileStorage> storage = open_storage(image);
    std::vector<std::unique_ptr<Request>> requests;
    for (int i = 0; i < 600; ++i) {
        requests.push_back(std::make_unique<Request>(Action::write, static_cast<std::uint64_t>(i % 100) * 8192, 'm'));
        storage->submit(*requests.back());
    }
    ASSERT_TRUE(storage->push());
    for (int done = 0; done < 600;) {
        if (std::optional<Done> one = storage->next_done()) {
            EXPECT_TRUE(one->okay);
            ++done;
            continue;
        }
        ASSERT_TRUE(storage->push());
        pollfd one{storage->fd(), POLLIN, 0};
        ASSERT_EQ(poll(&one, 1, 60'000), 1);
    }
}

TEST(FileStorage, AnswersWithAnErrorWhereTheImageHasGone) {
    Image image;
    std::unique_ptr<FileStorage> storage = open_storage(image);
    ASSERT_EQ(ftruncate(image.file.get(), size - 4096), 0);
    Request half{Action::read, size - 8192}, all{Action::read, size}, before{Action::read, 0};
    EXPECT_FALSE(run(*storage, half)) << "the second half of it is not there";
    EXPECT_FALSE(run(*storage, all));
    EXPECT_TRUE(run(*storage, before));
    EXPECT_EQ(storage->look()->size, size - 4096);
}

TEST(FileStorage, SeesThatItsImageHasGrown) {
    Image image;
    std::unique_ptr<FileStorage> storage = open_storage(image, {.read_only = false, .sector = 4096, .patience = {}});
    ASSERT_EQ(ftruncate(image.file.get(), 2 * size + 512), 0);
    EXPECT_EQ(storage->look()->size, 2 * size) << "whole sectors";
    EXPECT_EQ(storage->look()->sector, 4096u);
}

TEST(FileStorage, WritesNothingToWhatIsReadOnly) {
    Image image;
    Result<std::unique_ptr<FileStorage>> storage =
        FileStorage::open(image.open(O_RDONLY), {.read_only = true, .sector = 512, .patience = {}});
    ASSERT_TRUE(storage);
    EXPECT_FALSE((*storage)->look()->discards);
    Request write{Action::write, 0, 'w'};
    EXPECT_FALSE(run(**storage, write));
    EXPECT_TRUE(FileStorage::open(image.open(O_RDONLY), {.read_only = true, .sector = 512, .patience = {}}))
        << "many may read it";
    EXPECT_FALSE(FileStorage::open(image.open(), {}));
}

TEST(FileStorage, IsRefusedWhatIsNoDisk) {
    EXPECT_FALSE(FileStorage::open(OwnedFd{open("/dev/null", O_RDWR | O_CLOEXEC)}, {}));
    EXPECT_FALSE(FileStorage::open(Image{0}.open(), {})) << "an empty file";
    EXPECT_FALSE(FileStorage::open(Image{}.open(), {.read_only = false, .sector = 1024, .patience = {}}));
}

// The one before may have something under way as long as its open file is not gone.
TEST(FileStorage, BeginsWhenTheOneBeforeIsDone) {
    Image image;
    OwnedFd before = image.open();
    ASSERT_EQ(flock(before.get(), LOCK_EX), 0);
    EXPECT_FALSE(FileStorage::open(image.open(), {}));
    pid_t const child = fork();
    if (child == 0) {
        // The lock goes with the last descriptor of that open file: this one.
        usleep(300'000);
        _exit(0);
    }
    before = OwnedFd{};
    EXPECT_TRUE(FileStorage::open(image.open(), {.read_only = false, .sector = 512, .patience = 600s}));
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
}

int result_of(io_uring& ring) {
    EXPECT_EQ(io_uring_submit_and_wait(&ring, 1), 1);
    io_uring_cqe* entry = nullptr;
    EXPECT_EQ(io_uring_peek_cqe(&ring, &entry), 0);
    int const result = entry->res;
    io_uring_cqe_seen(&ring, entry);
    return result;
}

// A backend that was taken over could ask io_uring for anything, past the filter of system calls.
TEST(FileStorage, HasARingThatDoesNothingElse) {
    Image image;
    io_uring ring{};
    ASSERT_EQ(io_uring_queue_init(4, &ring, IORING_SETUP_R_DISABLED), 0);
    ASSERT_TRUE(bind_ring(ring, image.file.get()));
    char byte = 1;
    iovec part{&byte, 1};
    io_uring_sqe* read = io_uring_get_sqe(&ring);
    io_uring_prep_readv(read, 0, &part, 1, 0);
    io_uring_sqe_set_flags(read, IOSQE_FIXED_FILE);
    EXPECT_EQ(result_of(ring), 1);
    io_uring_prep_openat(io_uring_get_sqe(&ring), AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
    EXPECT_EQ(result_of(ring), -EACCES);
    io_uring_prep_readv(io_uring_get_sqe(&ring), image.file.get(), &part, 1, 0);
    EXPECT_EQ(result_of(ring), -EACCES) << "a file by its descriptor";
    int const other = image.file.get();
    EXPECT_LT(io_uring_register_files_update(&ring, 0, &other, 1), 0);
    io_uring_queue_exit(&ring);
}
}  // namespace
