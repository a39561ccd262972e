// SPDX-License-Identifier: MIT
#include "supervisor/device_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "os/chosen_file.hpp"
#include "os/log.hpp"
#include "os/unix_socket.hpp"
#include "xenstore/socket_path.hpp"

namespace paravane::supervisor {
namespace {
using namespace std::chrono_literals;

constexpr auto time_to_stop = 10s;
constexpr std::size_t longest_complaint = 240;

struct Pipe {
    OwnedFd from, to;
};
Result<Pipe> make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return Error::from_errno("make a pipe");
    Pipe pipe{OwnedFd{ends[0]}, OwnedFd{ends[1]}};
    fcntl(pipe.from.get(), F_SETFL, O_NONBLOCK);
    return pipe;
}

std::vector<std::string> words_of(Request const& request) {
    std::vector<std::string> all;
    std::string_view words{request.arguments.data(), request.arguments.size()};
    for (std::size_t end; (end = words.find('\0')) != std::string_view::npos && end != 0; words.remove_prefix(end + 1))
        all.emplace_back(words.substr(0, end));
    return all;
}

// For one process alone: what the one before has under way holds its own open file, and that one's lock.
Result<OwnedFd> open_image(Places const& places, std::vector<std::string> const& words) {
    auto const option = std::ranges::find(words, "--image");
    if (option == words.end() || std::next(option) == words.end())
        return Error{"", "no image is named", ErrorKind::invalid};
    std::string const& path = *std::next(option);
    bool const read_only = std::ranges::find(words, "--read-only") != words.end();
    AllowedDisks const disks{places.disk_folders, places.disk_devices};
    using enum AllowedDisks::Access;
    Result<OwnedFd> fd = disks.open(path, read_only ? read : read_and_write);
    if (!fd) return std::move(fd).error().within("image " + path);
    return fd;
}

void signal_to(OwnedFd const& pidfd, int number) { syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0); }
}  // namespace

DeviceProcess::DeviceProcess(EventLoop& loop, Places const& places, Request const& request, Kind const& kind,
                             Changed changed)
    : loop_{loop}, places_{places}, request_{request}, kind_{kind}, changed_{std::move(changed)} {}

DeviceProcess::~DeviceProcess() { forget_process(); }

void DeviceProcess::become(State state) {
    state_ = state;
    changed_(*this);
}

void DeviceProcess::start() {
    Result<> started = try_to_start();
    if (started) return become(State::starting);
    complaint_ = started.error().message();
    forget_process();
    ended();
}

// What the process needs and nobody else has; of the rest there is one for all the processes of this device.
Result<std::vector<Handed>> DeviceProcess::lend() {
    if (!journal_) journal_ = TRY(open_journal(places_, request_.device));
    std::vector<Handed> handed{{"journal", journal_.get()}};
    if (kind_.has_socket) {
        if (!listener_) listener_ = TRY(listen_unix(socket_of(places_, request_.device), 8, SocketKind::records));
        handed.push_back({"listener", listener_.get()});
    }
    if (kind_.lasting_log != 0) {
        if (!logs_.newest) logs_ = TRY(open_logs(places_, text_of(request_.log)));
        handed.push_back({"log", logs_.newest.get()});
        handed.push_back({"older-log", logs_.older.get()});
    }
    if (kind_.has_image) lend_passing(handed, "image", TRY(open_image(places_, words_of(request_))));
    if (kind_.negotiates) lend_passing(handed, "nodes", TRY(make_gate()));
    // A second descriptor of these anywhere keeps the event channel bound when the process is gone.
    for (char const* name : {"evtchn", "gntdev"}) {
        OwnedFd fd{open((places_.devices + "/" + name).c_str(), O_RDWR | O_CLOEXEC)};
        if (!fd) return Error::from_errno("open " + places_.devices + "/" + name);
        lend_passing(handed, name, std::move(fd));
    }
    return handed;
}

void DeviceProcess::lend_passing(std::vector<Handed>& handed, char const* name, OwnedFd fd) {
    handed.push_back({name, fd.get()});
    passing_.push_back(std::move(fd));
}

// The process's end of its way to the store. While the store is away nothing comes from there, and a device that is
// connected is served all the same.
Result<OwnedFd> DeviceProcess::make_gate() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return Error::from_errno("make a way to xenstored");
    OwnedFd ours{ends[0]}, theirs{ends[1]};
    Result<OwnedFd> store = connect_unix(xenstore_socket_path(), SocketKind::stream_without_waiting);
    hv::xenbus::Kind const* nodes = hv::xenbus::find_kind(kind_.name);
    if (!store || nodes == nullptr) {
        log::error(name_of(request_.device) + ": there is no way to xenstored");
        return theirs;
    }
    auto const cut_off = [name = name_of(request_.device)](std::string_view why) {
        log::error(name + ": cut off from xenstored: " + std::string{why});
    };
    gate_ = TRY(NodeGate::open(loop_, {*nodes, request_.device}, std::move(ours), *std::move(store), cut_off));
    return theirs;
}

Result<> DeviceProcess::try_to_start() {
    started_ = Clock::now();
    complaint_.clear();
    due_.reset();
    Pipe ready = TRY(make_pipe());
    Pipe complaints = TRY(make_pipe());
    Program spec;
    spec.handed = TRY(lend());
    spec.handed.push_back({"ready", ready.to.get()});
    std::string const program = "paravane-" + std::string{kind_.name};
    spec.words = {places_.programs + "/" + program, "--domain", std::to_string(request_.device.domid)};
    if (kind_.negotiates) spec.words.insert(spec.words.end(), {"--index", std::to_string(request_.device.index)});
    std::ranges::move(words_of(request_), std::back_inserter(spec.words));
    if (kind_.lasting_log != 0) {
        bool const lasts = !text_of(request_.log).empty() && !places_.log_folder.empty();
        spec.words.insert(spec.words.end(),
                          {"--log-limit", std::to_string(lasts ? kind_.lasting_log : kind_.passing_log)});
    }
    if (geteuid() == 0) spec.becomes = TRY(find_user(places_.user.empty() ? program : places_.user));
    spec.memory_limit = kind_.memory;
    spec.open_files = kind_.open_files;
    spec.standard_error = complaints.to.get();
    Registration registration = TRY(Registration::prepare(places_, request_, restarts_));
    spec.write_down = [&] { return registration.write_own(); };
    Child child = TRY(Child::start(spec));
    passing_.clear();
    pid_ = child.pid();
    is_our_child_ = true;
    pidfd_ = std::move(child).let_go();
    ready_ = std::move(ready.from);
    complaints_ = std::move(complaints.from);
    return watch();
}

Result<> DeviceProcess::watch() {
    TRY(loop_.add(pidfd_.get(), EPOLLIN, [this](std::uint32_t) {
        hear();
        if (is_our_child_) status_ = reap(pid_);
        forget_process();
        ended();
    }));
    if (!ready_) return {};
    TRY(loop_.add(ready_.get(), EPOLLIN, [this](std::uint32_t) {
        char word = 0;
        bool const said = read(ready_.get(), &word, 1) == 1;
        loop_.remove(ready_.get());
        ready_ = OwnedFd{};
        if (!said) return;  // it has ended
        has_served_ = true;
        if (state_ == State::starting) become(State::running);
    }));
    return loop_.add(complaints_.get(), EPOLLIN, [this](std::uint32_t) { hear(); });
}

void DeviceProcess::hear() {
    char text[512];
    ssize_t const count = complaints_ ? read(complaints_.get(), text, sizeof text) : 0;
    if (count > 0) {
        std::string_view const words{text, static_cast<std::size_t>(count)};
        log::info(name_of(request_.device) + ": " + std::string{words.substr(0, words.find_last_not_of('\n') + 1)});
        complaint_ += words.substr(0, longest_complaint - std::min(complaint_.size(), longest_complaint));
    } else if (complaints_ && (count == 0 || errno != EAGAIN)) {
        loop_.remove(complaints_.get());
        complaints_ = OwnedFd{};
    }
}

void DeviceProcess::forget_process() {
    for (OwnedFd* fd : {&pidfd_, &ready_, &complaints_}) {
        if (!*fd) continue;
        loop_.remove(fd->get());
        *fd = OwnedFd{};
    }
    passing_.clear();
    gate_.reset();
    pid_ = 0;
}

// Its process has ended, or could not be started.
void DeviceProcess::ended() {
    due_.reset();
    while (complaint_.ends_with('\n')) complaint_.pop_back();
    if (state_ == State::stopping || !has_served_) {
        if (complaint_.empty()) complaint_ = "it ended without a reason";
        remove_device(places_, request_.device);
        return become(State::gone);
    }
    auto const now = Clock::now();
    ++restarts_;
    auto const wait = backoff_.ended_after(std::chrono::duration_cast<std::chrono::milliseconds>(now - started_));
    log::error(name_of(request_.device) + " ended (status " + std::to_string(status_) + "), starts again in " +
               std::to_string(wait.count()) + " ms");
    due_ = now + wait;
    become(State::waiting);
    if (wait == 0ms) look(now);
}

void DeviceProcess::adopt(Record const& record) {
    restarts_ = record.restarts;
    has_served_ = true;
    Result<OwnedFd> process = record.pid > 0 ? open_process(record.pid) : Error{"", "there was none"};
    bool const lives = process && process_start(record.pid) == record.started;
    if (!lives) return start();
    pidfd_ = *std::move(process);
    pid_ = record.pid;
    is_our_child_ = false;
    started_ = Clock::now();
    if (Result<> watched = watch(); !watched) log::error(watched.error().message());
    become(State::running);
    // Its way to the store ended with the supervisor before us: the next one gets another, and its guest sees a pause.
    if (kind_.negotiates) kill();
}

void DeviceProcess::stop() {
    if (state_ == State::gone || state_ == State::stopping) return;
    bool const was_waiting = pid_ == 0;
    state_ = State::stopping;
    if (was_waiting) return ended();
    signal_to(pidfd_, SIGTERM);
    due_ = Clock::now() + time_to_stop;
    changed_(*this);
}

void DeviceProcess::kill() {
    if (pid_ != 0) signal_to(pidfd_, SIGKILL);
}

void DeviceProcess::look(Clock::time_point now) {
    if (!due_ || now < *due_) return;
    due_.reset();
    if (state_ == State::stopping) kill();
    else start();
}

Answer DeviceProcess::describe(What what) const {
    Answer answer{};
    answer.version = version;
    answer.what = what;
    answer.device = request_.device;
    answer.state = state_;
    answer.pid = pid_;
    answer.restarts = restarts_;
    answer.status = status_;
    (void)put_text(answer.reason, complaint_);
    return answer;
}
}  // namespace paravane::supervisor
