// SPDX-License-Identifier: MIT
// Takes pvunpack's place, as if a file had taken it over: it lies in the way that the kernel's name says,
// "/lies/entry".
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "kernel/image_reader.hpp"
#include "os/io.hpp"
#include "tests/unit/hypervisor/portable/kernel/kernel_file.hpp"

namespace {
using namespace paravane;

constexpr int report_fd = 3, kernel_fd = 4, initrd_fd = 5;

void send(int fd, void const* data, std::size_t size) {
    if (!write_all(fd, {static_cast<char const*>(data), size})) std::exit(3);
}

// One lie each in a report that is good otherwise.
std::map<std::string, std::function<void(ImageReport&)>> const lies{
    {"none", [](auto&) {}},
    {"magic", [](auto& r) { r.magic = 0; }},
    {"refused", [](auto& r) { r.refused = 2; }},
    {"part", [](auto& r) { r.refused = 1, r.part = 3; }},
    {"kind", [](auto& r) { r.refused = 1, r.kind = 200; }},
    {"kind of another", [](auto& r) { r.refused = 1, r.kind = static_cast<std::uint32_t>(ErrorKind::not_found); }},
    {"kind beyond a byte",
     [](auto& r) { r.refused = 1, r.kind = 256 + static_cast<std::uint32_t>(ErrorKind::internal); }},
    {"no reason", [](auto& r) { r.refused = 1, r.part = 1, r.kind = static_cast<std::uint32_t>(ErrorKind::internal); }},
    {"reason",
     [](auto& r) {
         r.refused = 1, r.part = 2, r.kind = static_cast<std::uint32_t>(ErrorKind::precondition);
         std::memset(r.reason, '\n', sizeof r.reason);
     }},
    {"count 0", [](auto& r) { r.segment_count = 0; }},
    {"count 17", [](auto& r) { r.segment_count = 17; }},
    {"count of many", [](auto& r) { r.segment_count = ~0u; }},
    {"flags", [](auto& r) { r.flags |= 8; }},
    {"virt_base", [](auto& r) { r.virt_base = 0xffff'8000'0000'0000; }},
    {"entry", [](auto& r) { r.entry = 0; }},
    {"hypercall_page", [](auto& r) { r.flags |= ImageReport::has_hypercall_page, r.hypercall_page = ~0ull << 12; }},
    {"init_p2m", [](auto& r) { r.flags |= ImageReport::has_init_p2m, r.init_p2m = 0xffff'8000'0000'0000; }},
    {"address", [](auto& r) { r.segments[0][0] = 0xffff'8000'0000'0000; }},
    {"memory_size", [](auto& r) { r.segments[0][1] = ~0ull; }},
    {"offset", [](auto& r) { r.segments[0][2] = ~0ull; }},
    {"file_size", [](auto& r) { r.segments[0][3] = r.segments[0][1]; }},
    {"segment", [](auto& r) { r.segment_count = 2; }},
};

[[noreturn]] void sleep_forever() {
    for (;;) pause();
}

// Keeps a hand on the kernel's memory when its parent is gone.
void leave_somebody_behind() {
    if (fork() != 0) return;
    void* memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, kernel_fd, 0);
    send(initrd_fd, &memory, 1);
    alarm(60);
    sleep_forever();
}

// Other ways to end than with a report.
std::map<std::string, std::function<void()>> const ends{
    {"silent", [] { std::exit(0); }},
    {"status", [] { std::exit(7); }},
    {"short", [] { send(report_fd, "x", 1), std::exit(0); }},
    {"long",
     [] { send(report_fd, std::string(2 * sizeof(ImageReport), 'x').data(), 2 * sizeof(ImageReport)), std::exit(0); }},
    {"crash", [] { signal(SIGSEGV, SIG_DFL), raise(SIGSEGV); }},
    {"killed", [] { raise(SIGKILL); }},
    {"call", [] { raise(SIGSYS); }},
    {"sleep", sleep_forever},
    {"close and sleep", [] { close(report_fd), close(kernel_fd), close(initrd_fd), sleep_forever(); }},
    {"spin",
     [] {
         rlimit const second{1, 2};
         setrlimit(RLIMIT_CPU, &second);
         for (unsigned volatile turn = 0;; turn = turn + 1) {}
     }},
    {"large kernel", [] { (void)!ftruncate(kernel_fd, off_t{1} << 40); }},
    {"large initrd", [] { (void)!ftruncate(initrd_fd, off_t{1} << 40); }},
    {"child",
     [] {
         (void)!ftruncate(kernel_fd, 4096);
         leave_somebody_behind();
         while (lseek(initrd_fd, 0, SEEK_CUR) == 0) usleep(1000);
     }},
};

// "/lies/until:PATH": as good as it can be, but not before that file is there.
void wait_for(std::string const& path) {
    while (access(path.c_str(), F_OK) != 0) usleep(1000);
}
}  // namespace

int main(int argc, char** argv) {
    std::string lie = "none";
    for (int i = 1; i + 1 < argc; ++i)
        if (std::strcmp(argv[i], "--kernel") == 0) lie = std::string{argv[i + 1]}.substr(std::strlen("/lies/"));
    if (lie.starts_with("until:")) {
        wait_for(lie.substr(std::strlen("until:")));
        lie = "none";
    }
    auto const end = ends.find(lie);
    if (end != ends.end()) end->second();
    test::Bytes const elf = test::make_elf();
    ImageReport report = report_of(hv::pv::parse_kernel(kernel_file(elf), hv::pv::KernelRole::guest).image);
    if (end == ends.end()) lies.at(lie)(report);
    send(kernel_fd, elf.data(), elf.size());
    send(report_fd, &report, sizeof report);
    return 0;
}
