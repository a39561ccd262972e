// SPDX-License-Identifier: MIT
// pvunpack: reads a kernel and an initrd that somebody chose, for paravaned, which touches neither. It opens both as a
// user of its own, gives up everything else, and only then looks at what is in them. It is started with three
// descriptors: 3 takes its report (kernel/report.hpp), 4 and 5 are files in memory for the unpacked kernel and the
// initrd.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <optional>

#include "kernel/report.hpp"
#include "os/chosen_file.hpp"
#include "os/command_line.hpp"
#include "os/io.hpp"
#include "unpack/jail.hpp"
#include "unpack/kernel_image.hpp"

namespace {
using namespace paravane;

constexpr int report_fd = 3, kernel_fd = 4, initrd_fd = 5;

struct Arguments {
    ImageFiles files;
    std::vector<std::string> folders;
    std::string user;
    std::uint64_t kernel_bytes = 0, initrd_bytes = 0, memory = 0, seconds = 0;
};

Arguments parse(int argc, char** argv) {
    Arguments given;
    CommandLine const line{
        .program = "pvunpack",
        .usage = "--kernel FILE [--initrd FILE] [options]",
        .about = "Reads them for paravaned: descriptor 3 takes the report, 4 the unpacked kernel, 5 the initrd.\n",
        .options = {{"kernel", "FILE", "the kernel", &given.files.kernel},
                    {"initrd", "FILE", "the initrd", &given.files.initrd},
                    {"folder", "FOLDER", "they are read below such a folder only; more than one may be named",
                     &given.folders},
                    {"user", "NAME", "who reads them, if pvunpack is started by root", &given.user},
                    {"kernel-bytes", "N", "the largest kernel, as a file and unpacked", &given.kernel_bytes},
                    {"initrd-bytes", "N", "the largest initrd", &given.initrd_bytes},
                    {"memory", "N", "the largest address space, in bytes", &given.memory},
                    {"seconds", "N", "of a processor, at most", &given.seconds}},
        .exit_codes = "0 there is a report, 1 there is none, 2 wrong usage"};
    line.parse(argc, argv);
    if (given.files.kernel.empty() || given.kernel_bytes == 0) line.wrong_usage("--kernel and its size are needed");
    return given;
}

// Exactly so many, or an error: a file may shrink while it is read.
Result<> read_range(ChosenFile const& file, std::span<std::byte> to, std::uint64_t offset) {
    Result<> done = read_all_at(file.fd.get(), to, offset);
    return done ? done : std::move(done).error().as(ErrorKind::precondition);
}

// Into the room itself, where it need not be unpacked.
Result<std::size_t> read_kernel(ChosenFile const& file, std::span<std::byte> room) {
    constexpr std::size_t enough = 4;
    TRY(read_range(file, room.first(std::min<std::size_t>(file.size, enough)), 0));
    if (file.size >= enough && is_elf(room.first(enough))) {
        TRY(read_range(file, room.first(file.size), 0));
        return file.size;
    }
    std::vector<std::byte> packed(file.size);
    TRY(read_range(file, packed, 0));
    return unpack_kernel(packed, room);
}

Result<hv::pv::KernelImage> take_kernel(ChosenFile const& file, std::uint64_t most_bytes) {
    if (ftruncate(kernel_fd, static_cast<off_t>(most_bytes)) < 0) return Error::from_errno("make room for it");
    void* memory = mmap(nullptr, most_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, kernel_fd, 0);
    if (memory == MAP_FAILED) return Error::from_errno("make room for it");
    std::span<std::byte> room{static_cast<std::byte*>(memory), most_bytes};
    std::size_t size = TRY(read_kernel(file, room));
    if (ftruncate(kernel_fd, static_cast<off_t>(size)) < 0) return Error::from_errno("make it as long as it is");
    return parse_guest_kernel(room.first(size));
}

Result<> take_initrd(ChosenFile const& file) {
    std::vector<std::byte> piece(std::size_t{1} << 20);
    for (std::uint64_t done = 0; done < file.size;) {
        std::span<std::byte> part = std::span{piece}.first(std::min<std::uint64_t>(piece.size(), file.size - done));
        TRY(read_range(file, part, done));
        TRY(write_all(initrd_fd, {reinterpret_cast<char const*>(part.data()), part.size()}));
        done += part.size();
    }
    return {};
}

ImageReport work(Arguments const& arguments) {
    if (Result<> done = become(arguments.user); !done) return report_of(done.error(), ImagePart::none);
    AllowedFolders const folders{arguments.folders};
    Result<ChosenFile> kernel = folders.open(arguments.files.kernel, arguments.kernel_bytes);
    if (!kernel) return report_of(kernel.error(), ImagePart::kernel);
    std::optional<ChosenFile> initrd;
    if (!arguments.files.initrd.empty()) {
        Result<ChosenFile> opened = folders.open(arguments.files.initrd, arguments.initrd_bytes);
        if (!opened) return report_of(opened.error(), ImagePart::initrd);
        initrd = *std::move(opened);
    }
    Result<> locked = lock_up({.memory = arguments.memory,
                               .file = std::max(arguments.kernel_bytes, arguments.initrd_bytes),
                               .seconds = arguments.seconds});
    if (!locked) return report_of(locked.error(), ImagePart::none);

    Result<hv::pv::KernelImage> image = take_kernel(*kernel, arguments.kernel_bytes);
    if (!image) return report_of(image.error(), ImagePart::kernel);
    if (initrd)
        if (Result<> taken = take_initrd(*initrd); !taken) return report_of(taken.error(), ImagePart::initrd);
    return report_of(*image);
}

ImageReport work_in_bounds(Arguments const& arguments) {
    try {
        return work(arguments);
    } catch (std::bad_alloc const&) {
        Error const error{"", "it needs more memory to unpack than a kernel may", ErrorKind::precondition};
        return report_of(error, ImagePart::kernel);
    }
}
}  // namespace

int main(int argc, char** argv) {
    Arguments const arguments = parse(argc, argv);
    go_first();
    ImageReport const report = work_in_bounds(arguments);
    return write_all(report_fd, {reinterpret_cast<char const*>(&report), sizeof report}) ? 0 : 1;
}
