// SPDX-License-Identifier: MIT
#include "kernel/image_reader.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "os/child.hpp"
#include "os/io.hpp"

namespace paravane {
namespace {
using Clock = std::chrono::steady_clock;

std::string names_of(ImageFiles const& files) {
    return "kernel " + files.kernel + (files.initrd.empty() ? "" : " and initrd " + files.initrd);
}

Error out_of_patience(ImageFiles const& files, std::stop_token const& stop, std::chrono::seconds time) {
    std::string why = stop.stop_requested() ? "nobody waits for them any more"
                                            : "not read within " + std::to_string(time.count()) + " s";
    return Error{names_of(files), std::move(why), ErrorKind::timed_out};
}

// How it ended, if not in order.
std::optional<Error> complaint_about(int status, ImageFiles const& files) {
    auto because = [&](std::string why, ErrorKind kind) { return Error{names_of(files), std::move(why), kind}; };
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::nullopt;
    if (WIFEXITED(status))
        return because("pvunpack ended with status " + std::to_string(WEXITSTATUS(status)), ErrorKind::internal);
    int const number = WTERMSIG(status);
    switch (number) {
        case SIGKILL: return because("pvunpack was killed: there may be too little memory", ErrorKind::exhausted);
        case SIGXCPU: return because("reading them takes too long", ErrorKind::precondition);
        case SIGSYS: return because("pvunpack did what it may not do, and was ended", ErrorKind::precondition);
        default: break;
    }
    return because(std::string{"pvunpack was ended: "} + strsignal(number), ErrorKind::precondition);
}

// All that it wrote, which is one report.
Result<ImageReport> take_report(int from) {
    std::array<std::byte, sizeof(ImageReport) + 1> bytes;
    std::size_t size = 0;
    while (size < bytes.size()) {
        ssize_t const count = read(from, bytes.data() + size, bytes.size() - size);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        size += static_cast<std::size_t>(count);
    }
    if (size != sizeof(ImageReport)) return Error{"pvunpack's report", "it has not the length of one"};
    ImageReport report;
    std::memcpy(&report, bytes.data(), sizeof report);
    return report;
}
}  // namespace

std::optional<Places::Held> Places::take(Clock::time_point limit, std::stop_token stop) {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_until(lock, std::move(stop), limit, [&] { return free_ != 0; })) return std::nullopt;
    --free_;
    return std::optional<Held>{std::in_place, *this};
}

void Places::leave() {
    std::scoped_lock lock{mutex_};
    ++free_;
    changed_.notify_one();
}

std::vector<std::string> ImageReader::words_for(ImageFiles const& files, std::uint64_t most_initrd) const {
    ImageLimits const& limits = settings_.limits;
    std::vector<std::string> words{settings_.program, "--user", settings_.user, "--kernel", files.kernel};
    if (!files.initrd.empty()) words.insert(words.end(), {"--initrd", files.initrd});
    for (std::string const& folder : settings_.folders) words.insert(words.end(), {"--folder", folder});
    words.insert(words.end(),
                 {"--kernel-bytes", std::to_string(limits.kernel), "--initrd-bytes", std::to_string(most_initrd),
                  "--memory", std::to_string(limits.memory), "--seconds", std::to_string(limits.time.count())});
    return words;
}

Result<Images> ImageReader::read(ImageFiles const& files, std::uint64_t memory, std::stop_token stop) {
    std::uint64_t const most_initrd = std::min(settings_.limits.initrd, memory);
    Clock::time_point const limit = Clock::now() + settings_.limits.time;
    std::optional<Places::Held> place = places_.take(limit, stop);
    if (!place) return out_of_patience(files, stop, settings_.limits.time);
    MemoryFile elf = TRY(MemoryFile::make("kernel"));
    MemoryFile initrd = TRY(MemoryFile::make("initrd"));
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return Error::from_errno("make a pipe");
    OwnedFd from{ends[0]}, to{ends[1]};
    Child child = TRY(Child::start({.words = words_for(files, most_initrd),
                                    .handed = {{"report", to.get()}, {"kernel", elf.fd()}, {"initrd", initrd.fd()}}}));
    to = OwnedFd{};
    if (TRY(child.wait(limit, stop)) != Waited::ended) return out_of_patience(files, stop, settings_.limits.time);
    if (std::optional<Error> ended = complaint_about(child.end(), files)) return *std::move(ended);
    // Nobody but us has any of it now.
    ImageReport report = TRY(take_report(from.get()));
    Images images{*std::move(place), TRY(std::move(elf).seal(settings_.limits.kernel)), {}, {}};
    images.kernel = TRY(read_report(report, files, images.elf.bytes().size()));
    images.initrd = TRY(std::move(initrd).seal(most_initrd));
    return images;
}
}  // namespace paravane
