// SPDX-License-Identifier: MIT
// A raw file or a block device, through io_uring; past the page cache where the file system can.
//
// What a process that was killed had under way may still be written after its end, since the kernel does not wait for
// it. So each process has an open file of its own, and its lock: the lock of the one before goes with the last that its
// requests hold of that file. Who has the lock knows that nothing old is written any more.
#pragma once
#include <liburing.h>

#include <chrono>
#include <deque>
#include <memory>

#include "block/storage.hpp"
#include "os/owned_fd.hpp"

namespace paravane::block {
struct FileOptions {
    bool read_only = false;
    std::uint32_t sector = 512;       // of a file; a device has its own
    std::chrono::seconds patience{};  // for the lock, in steps of a second; zero: it is free, or another has the image
};

// From here on the ring does what a disk needs, on this one file, and nothing else: the filter of system calls does not
// see what io_uring is asked for. It was made disabled.
Result<> bind_ring(io_uring& ring, int file);

class FileStorage : public Storage {
public:
    // `image` was opened for this process alone, for reading and, unless it is read only, for writing.
    static Result<std::unique_ptr<FileStorage>> open(OwnedFd image, FileOptions const& options);
    FileStorage(FileStorage&&) = delete;
    ~FileStorage() override;

    bool is_direct() const { return direct_; }

    Result<Geometry> look() override;
    void submit(Transfer& transfer) override;
    Result<bool> push() override;
    std::optional<Done> next_done() override;
    int fd() const override { return ring_.ring_fd; }

private:
    explicit FileStorage(OwnedFd image) : image_{std::move(image)} {}

    Result<> lock(FileOptions const& options);
    Result<> learn(FileOptions const& options);
    void try_direct();
    Result<> make_ring();
    void begin(Transfer& transfer);

    OwnedFd image_;
    Geometry geometry_;
    bool direct_ = false, has_ring_ = false;
    io_uring ring_{};
    std::size_t under_way_ = 0;      // in the ring: no more than it holds
    std::deque<Transfer*> waiting_;  // for their turn
};
}  // namespace paravane::block
