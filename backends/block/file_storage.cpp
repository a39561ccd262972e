// SPDX-License-Identifier: MIT
#include "block/file_storage.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>

#include "os/io.hpp"
#include "portable/base/number.hpp"

namespace paravane::block {
namespace {
constexpr unsigned entries = 256;
constexpr int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

// Lets a call that waits come back every second.
class Ticking {
public:
    Ticking() {
        struct sigaction action {};
        action.sa_handler = [](int) {};
        sigaction(SIGALRM, &action, &before_);
        itimerval const every{{1, 0}, {1, 0}};
        setitimer(ITIMER_REAL, &every, nullptr);
    }
    Ticking(Ticking&&) = delete;
    ~Ticking() {
        itimerval const never{};
        setitimer(ITIMER_REAL, &never, nullptr);
        sigaction(SIGALRM, &before_, nullptr);
    }

private:
    struct sigaction before_ {};
};

// Of a block device, or the device that it is a part of.
bool device_discards(dev_t device) {
    std::string const folder = "/sys/dev/block/" + std::to_string(major(device)) + ":" + std::to_string(minor(device));
    for (char const* place : {"/queue/discard_max_bytes", "/../queue/discard_max_bytes"}) {
        OwnedFd file{open((folder + place).c_str(), O_RDONLY | O_CLOEXEC)};
        if (!file) continue;
        std::string const text = read_to_end(file.get(), 32);
        return hv::parse_decimal<std::uint64_t>(std::string_view{text}.substr(0, text.find('\n'))).value_or(0) != 0;
    }
    return false;
}
// Leaves what is left; false if that is nothing.
bool advance(Transfer& transfer, std::size_t count) {
    transfer.offset += count;
    transfer.length -= count;
    while (!transfer.memory.empty() && count >= transfer.memory.front().iov_len) {
        count -= transfer.memory.front().iov_len;
        transfer.memory = transfer.memory.subspan(1);
    }
    if (transfer.memory.empty()) return false;
    iovec& part = transfer.memory.front();
    part.iov_base = static_cast<std::byte*>(part.iov_base) + count;
    part.iov_len -= count;
    return true;
}
}  // namespace

Result<std::unique_ptr<FileStorage>> FileStorage::open(OwnedFd image, FileOptions const& options) {
    std::unique_ptr<FileStorage> storage{new FileStorage{std::move(image)}};
    TRY(storage->lock(options));
    TRY(storage->learn(options));
    storage->try_direct();
    TRY(storage->make_ring());
    return storage;
}

FileStorage::~FileStorage() {
    if (has_ring_) io_uring_queue_exit(&ring_);
}

Result<> FileStorage::lock(FileOptions const& options) {
    int const kind = options.read_only ? LOCK_SH : LOCK_EX;
    if (flock(image_.get(), kind | LOCK_NB) == 0) return {};
    if (errno != EWOULDBLOCK) return Error::from_errno("lock the image");
    auto const until = std::chrono::steady_clock::now() + options.patience;
    Ticking ticking;
    while (std::chrono::steady_clock::now() < until) {
        if (flock(image_.get(), kind) == 0) return {};
        if (errno != EINTR) return Error::from_errno("lock the image");
    }
    return Error{"lock the image", "somebody else uses it", ErrorKind::precondition};
}

Result<> FileStorage::learn(FileOptions const& options) {
    struct stat status {};
    if (fstat(image_.get(), &status) < 0) return Error::from_errno("look at the image");
    geometry_.read_only = options.read_only;
    if (S_ISREG(status.st_mode)) {
        if (options.sector != 512 && options.sector != 4096)
            return Error{"", "sectors are of 512 or 4096 bytes", ErrorKind::invalid};
        geometry_.sector = options.sector;
        geometry_.discards = !options.read_only && fallocate(image_.get(), hole, status.st_size, options.sector) == 0;
    } else if (S_ISBLK(status.st_mode)) {
        int sector = 0;
        if (ioctl(image_.get(), BLKSSZGET, &sector) < 0) return Error::from_errno("ask for the size of its sectors");
        if (sector != 512 && sector != 4096)
            return Error{"", "its sectors are of " + std::to_string(sector) + " bytes", ErrorKind::precondition};
        geometry_.sector = static_cast<std::uint32_t>(sector);
        geometry_.discards = !options.read_only && device_discards(status.st_rdev);
    } else {
        return Error{"", "the image is no file and no block device", ErrorKind::precondition};
    }
    Geometry const now = TRY(look());
    if (now.size == 0) return Error{"", "the image is empty", ErrorKind::precondition};
    return {};
}

Result<Geometry> FileStorage::look() {
    off_t const size = lseek(image_.get(), 0, SEEK_END);
    if (size < 0) return Error::from_errno("look at the size of the image");
    geometry_.size = static_cast<std::uint64_t>(size) / geometry_.sector * geometry_.sector;
    return geometry_;
}

// Some file systems refuse it at once, some at the first request that is finer than their blocks.
void FileStorage::try_direct() {
    int const flags = fcntl(image_.get(), F_GETFL);
    if (flags < 0 || fcntl(image_.get(), F_SETFL, flags | O_DIRECT) < 0) return;
    alignas(page_size) static char probe[page_size];
    char* const at = geometry_.sector == page_size ? probe : probe + geometry_.sector;
    direct_ = pread(image_.get(), at, geometry_.sector, 0) == static_cast<ssize_t>(geometry_.sector);
    if (!direct_) fcntl(image_.get(), F_SETFL, flags);
}

Result<> FileStorage::make_ring() {
    if (int const failed = io_uring_queue_init(entries, &ring_, IORING_SETUP_R_DISABLED); failed < 0)
        return Error::from_errno("make an io_uring", -failed);
    has_ring_ = true;
    return bind_ring(ring_, image_.get());
}

Result<> bind_ring(io_uring& ring, int file) {
    if (int const failed = io_uring_register_files(&ring, &file, 1); failed < 0)
        return Error::from_errno("give the image to the io_uring", -failed);
    constexpr std::uint8_t operations[] = {IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE};
    io_uring_restriction bounds[std::size(operations) + 1] = {};
    for (std::size_t i = 0; i < std::size(operations); ++i) {
        bounds[i].opcode = IORING_RESTRICTION_SQE_OP;
        bounds[i].sqe_op = operations[i];
    }
    bounds[std::size(operations)].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
    bounds[std::size(operations)].sqe_flags = IOSQE_FIXED_FILE;
    if (int const failed = io_uring_register_restrictions(&ring, bounds, std::size(bounds)); failed < 0)
        return Error::from_errno("bound the io_uring", -failed);
    if (int const failed = io_uring_enable_rings(&ring); failed < 0)
        return Error::from_errno("begin with the io_uring", -failed);
    return {};
}

void FileStorage::submit(Transfer& transfer) {
    if (under_way_ == entries) return waiting_.push_back(&transfer);
    ++under_way_;
    begin(transfer);
}

// There is room for it.
void FileStorage::begin(Transfer& transfer) {
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
    auto const parts = static_cast<unsigned>(transfer.memory.size());
    switch (transfer.action) {
        case Action::read: io_uring_prep_readv(entry, 0, transfer.memory.data(), parts, transfer.offset); break;
        case Action::write: io_uring_prep_writev(entry, 0, transfer.memory.data(), parts, transfer.offset); break;
        case Action::flush: io_uring_prep_fsync(entry, 0, IORING_FSYNC_DATASYNC); break;
        case Action::discard:
            io_uring_prep_fallocate(entry, 0, hole, static_cast<off_t>(transfer.offset),
                                    static_cast<off_t>(transfer.length));
            break;
    }
    io_uring_sqe_set_flags(entry, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data(entry, &transfer);
}

Result<bool> FileStorage::push() {
    int const submitted = io_uring_submit(&ring_);
    // Busy: what is done must be taken first, and is next.
    if (submitted < 0 && submitted != -EBUSY && submitted != -EAGAIN && submitted != -EINTR)
        return Error::from_errno("ask the io_uring", -submitted);
    return io_uring_sq_ready(&ring_) == 0;
}

std::optional<Done> FileStorage::next_done() {
    for (io_uring_cqe* entry = nullptr; io_uring_peek_cqe(&ring_, &entry) == 0;) {
        auto& transfer = *static_cast<Transfer*>(io_uring_cqe_get_data(entry));
        int const result = entry->res;
        io_uring_cqe_seen(&ring_, entry);
        bool const moves = transfer.action == Action::read || transfer.action == Action::write;
        if (moves && result > 0 && advance(transfer, static_cast<unsigned>(result))) {
            begin(transfer);  // a part was done: the rest, which ends in an error if there is none
            io_uring_submit(&ring_);
            continue;
        }
        --under_way_;
        if (!waiting_.empty()) {
            submit(*waiting_.front());
            waiting_.pop_front();
        }
        return Done{&transfer, moves ? transfer.length == 0 : result == 0};
    }
    return {};
}
}  // namespace paravane::block
