// SPDX-License-Identifier: MIT
#include "daemon/console_relay.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "backend/console.hpp"
#include "backend/typing.hpp"

namespace paravane {
namespace {
using namespace std::chrono_literals;
using Input = v1::AttachConsoleRequest;
using Output = v1::AttachConsoleResponse;

constexpr std::size_t piece = 16384, most_typed = 65536;
constexpr std::chrono::milliseconds try_again{200}, lost_limit{30000}, log_look{250};

// Everything but the reactions themselves happens on the pump's thread.
class Session final : public grpc::ServerBidiReactor<Input, Output>, public std::enable_shared_from_this<Session> {
public:
    Session(Edge const& edge, ConsolePump& pump, Caller caller)
        : edge_{edge}, pump_{pump}, caller_{std::move(caller)} {}

    // It lives as long as gRPC has it.
    void begin() {
        self_ = shared_from_this();
        read_on();
    }

    void OnReadDone(bool good) override {
        pump_.post([self = shared_from_this(), good] { self->read_done(good); });
    }
    void OnWriteDone(bool good) override {
        pump_.post([self = shared_from_this(), good] { self->write_done(good); });
    }
    void OnCancel() override {
        pump_.post([self = shared_from_this()] { self->finish(cut_off(self->edge_.engine, self->label_)); });
    }
    void OnDone() override { self_.reset(); }

private:
    void finish(grpc::Status status) {
        if (std::exchange(finished_, true)) return;
        drop_backend();
        Finish(std::move(status));
    }
    void refuse(Error const& error) { finish(translate_error(error, label_)); }

    void read_on() {
        if (closed_ || finished_ || std::exchange(reading_, true)) return;
        StartRead(&input_);
    }

    void read_done(bool good) {
        reading_ = false;
        if (finished_) return;
        if (!good) {  // the client has closed its half; the guest may go on printing
            if (!open_) refuse(Error{"", "no message that names a domain", ErrorKind::invalid});
            else if (last_) finish(grpc::Status::OK);
            closed_ = true;
            return;
        }
        std::string unknown = unknown_field(input_);
        if (!unknown.empty()) {
            refuse(Error{"", "the request has a field that is not known: " + unknown, ErrorKind::invalid});
        } else if (!open_) {
            open();
        } else if (input_.message_case() != Input::kData || input_.data().size() > most_typed) {
            refuse(Error{"", "only what is typed may follow, at most 64 KiB at a time", ErrorKind::invalid});
        } else if (wish_.read_only()) {
            refuse(Error{"", "it is attached for reading only", ErrorKind::precondition});
        } else {
            if (!typing_.add(input_.data())) say_lost(0, input_.data().size());
            type();
        }
    }

    void open() {
        if (input_.message_case() != Input::kOpen)
            return refuse(Error{"", "the first message does not name a domain", ErrorKind::invalid});
        open_ = true;
        wish_ = input_.open();
        Selector target = selector_of(wish_);
        label_ = "console " + shown(target.words());
        Result<std::shared_ptr<DomainView const>> view = edge_.engine.find(target);
        if (!view) return refuse(view.error());
        uid_ = (*view)->record.uid;
        audit(caller_, label_, "", {});
        next_ = wish_.no_replay() ? console::onwards : console::recent;
        Result<> attached = attach();
        if (!attached && !wish_.follow()) return refuse(attached.error());
        lost_ = std::chrono::steady_clock::now();
        look_later();
        read_on();
    }

    // To the backend of the guest that the domain has now.
    Result<> attach() {
        std::shared_ptr<DomainView const> view = edge_.engine.view(uid_);
        if (!view || !view->id() || !view->managed)
            return Error{"", "it has no guest with a console", ErrorKind::precondition};
        if (*view->id() != id_) {
            if (attached_once_) next_ = console::recent;
            id_ = *view->id();
            guest_ended_ = false;
            say_lost(0, typing_.another_guest());
        }
        if (guest_ended_) return Error{"", "its guest ends", ErrorKind::precondition};
        Result<console::Client> client = console::Client::connect_without_waiting(
            edge_.engine.console_socket(*view), wish_.read_only() ? 0 : typing_.number(), next_);
        if (!client) return std::move(client).error().within("its console backend does not answer");
        backend_ = *std::move(client);
        greeted_ = listening_ = false;
        listen();
        return {};
    }

    // Its first word, which tells that we are not one too many.
    void say_attached() {
        if (std::exchange(greeted_, true)) return;
        Output said;
        v1::AttachConsoleResponse::Attached& attached =
            attached_once_ ? *said.mutable_reattached() : *said.mutable_attached();
        attached.set_domain_uid(uid_);
        attached.set_id(id_);
        attached_once_ = true;
        say(std::move(said));
    }

    void drop_backend() {
        if (!backend_) return;
        if (listening_) pump_.loop().remove(backend_->fd());
        backend_.reset();
        typing_.backend_gone();
        greeted_ = listening_ = false;
    }

    // While the client has not taken what came, nothing more is wanted, not even to know that the backend has ended.
    void listen() {
        if (!backend_) return;
        if (writing_) {
            if (std::exchange(listening_, false)) pump_.loop().remove(backend_->fd());
            return;
        }
        std::uint32_t const events = EPOLLIN | (typing_.to_send().empty() ? 0u : EPOLLOUT);
        auto ready = [weak = weak_from_this()](std::uint32_t happened) {
            if (auto self = weak.lock()) self->backend_ready(happened);
        };
        Result<> changed = std::exchange(listening_, true) ? pump_.loop().change(backend_->fd(), events)
                                                           : pump_.loop().add(backend_->fd(), events, ready);
        if (!changed) refuse(changed.error());
    }

    void backend_ready(std::uint32_t events) {
        if (finished_ || !backend_) return;
        if ((events & EPOLLOUT) != 0) type();
        if (finished_ || !backend_ || writing_) return;
        Result<std::optional<console::Heard>> some = backend_->receive_some();
        if (!some) return drop_and_look();
        if (*some) hear(**std::move(some));
    }

    void hear(console::Heard heard) {
        if (heard.what == console::Tells::refused) {
            if (!attached_once_) return refuse({"", "too many clients look at its console", ErrorKind::exhausted});
            return end(Output::END_REASON_BACKEND_LOST, "too many clients look at its console");
        }
        say_attached();
        if (heard.what == console::Tells::ended) {
            guest_ended_ = true;
            return drop_and_look();
        }
        if (heard.what == console::Tells::may_type || heard.what == console::Tells::may_not)
            return hear_of_typing(heard);
        if (next_ < console::onwards && heard.position > next_) say_lost(heard.position - next_, 0);
        next_ = heard.position + heard.text.size();
        if (heard.text.empty()) return;
        Output said;
        said.set_data(std::move(heard.text));
        say(std::move(said));
    }

    void hear_of_typing(console::Heard const& heard) {
        bool const may = heard.what == console::Tells::may_type;
        say_lost(0, may ? typing_.hear_may_type({heard.yours ? 1u : 0u, heard.position}) : typing_.hear_may_not());
        if (std::exchange(may_, may) != may) {
            Output said;
            said.set_keyboard(may ? Output::KEYBOARD_FREE : Output::KEYBOARD_TAKEN);
            say(std::move(said));
        }
        type();
    }

    void say_lost(std::uint64_t printed, std::uint64_t typed) {
        if (printed == 0 && typed == 0) return;
        Output said;
        said.mutable_lost()->set_printed(printed);
        said.mutable_lost()->set_typed(typed);
        say(std::move(said));
    }

    // As much as the backend takes; the client is not read from before all of it has gone.
    void type() {
        if (std::string_view const text = typing_.to_send(); backend_ && !text.empty()) {
            Result<std::size_t> taken = backend_->type_some(text);
            if (taken) typing_.sent(*taken);
        }
        if (typing_.all_is_sent()) read_on();
        listen();
    }

    // The backend has ended: with its guest, or alone.
    void drop_and_look() {
        drop_backend();
        lost_ = std::chrono::steady_clock::now();
        look();
    }

    void look_later() {
        edge_.engine.later(try_again, [weak = weak_from_this(), &pump = pump_] {
            pump.post([weak] {
                if (auto self = weak.lock()) self->look();
            });
        });
    }

    void look() {
        if (finished_ || greeted_ || last_) return;
        std::shared_ptr<DomainView const> view = edge_.engine.view(uid_);
        if (!view) return end(Output::END_REASON_DOMAIN_DELETED, "the domain is deleted");
        bool same = !guest_ended_ && edge_.engine.guest_lives(uid_, id_);
        if (!same && !wish_.follow()) return end(Output::END_REASON_GUEST_ENDED, "the guest has ended");
        if (!backend_) (void)static_cast<bool>(attach());
        if (same && std::chrono::steady_clock::now() - lost_ > lost_limit && !wish_.follow()) {
            if (!attached_once_) return refuse({"", "its console backend does not answer", ErrorKind::unavailable});
            return end(Output::END_REASON_BACKEND_LOST, "its console backend has ended and does not come back");
        }
        look_later();
    }

    void end(Output::EndReason reason, std::string message) {
        last_ = true;
        drop_backend();
        Output said;
        said.mutable_ended()->set_reason(reason);
        said.mutable_ended()->set_message(std::move(message));
        say(std::move(said));
    }

    void say(Output said) {
        unsaid_.push_back(std::move(said));
        if (!writing_) write();
    }
    void write() {
        output_ = std::move(unsaid_.front());
        unsaid_.pop_front();
        writing_ = true;
        StartWrite(&output_);
        listen();
    }
    void write_done(bool good) {
        writing_ = false;
        if (finished_) return;
        if (!good) return finish({grpc::StatusCode::CANCELLED, label_ + ": the client went"});
        if (!unsaid_.empty()) return write();
        // The client answers "ended" by closing its half; one that does not is cut off.
        if (last_ && closed_) return finish(grpc::Status::OK);
        if (last_) {
            edge_.engine.later(2s, [weak = weak_from_this(), &pump = pump_] {
                pump.post([weak] {
                    if (auto self = weak.lock()) self->finish(grpc::Status::OK);
                });
            });
        }
        listen();
    }

    Edge edge_;
    ConsolePump& pump_;
    Caller caller_;
    std::shared_ptr<Session> self_;
    Input input_;
    Output output_;
    v1::AttachConsoleRequest::Open wish_;
    std::string label_ = "console", uid_;
    console::Typing typing_;
    std::uint16_t id_ = 0;
    std::optional<console::Client> backend_;
    std::uint64_t next_ = console::recent;  // the byte that we want to hear
    std::deque<Output> unsaid_;
    std::chrono::steady_clock::time_point lost_{};
    bool open_ = false, closed_ = false, attached_once_ = false, writing_ = false, last_ = false, finished_ = false;
    bool reading_ = false, greeted_ = false, listening_ = false, guest_ended_ = false, may_ = true;
};

class RefusedSession final : public grpc::ServerBidiReactor<Input, Output> {
public:
    explicit RefusedSession(grpc::Status status) { Finish(std::move(status)); }
    void OnDone() override { delete this; }
};

// A log file, piece by piece; with `follow` also what is to come, under whatever file the name stands for then.
class LogReader final : public grpc::ServerWriteReactor<v1::ReadConsoleLogResponse> {
public:
    LogReader(Edge const& edge, std::string uid, std::string path, v1::ReadConsoleLogRequest const& request)
        : edge_{edge}, uid_{std::move(uid)}, path_{std::move(path)}, follow_{request.follow()} {
        state_->reader = this;
        struct stat status {};
        auto tail = static_cast<off_t>(request.tail_bytes());
        if (open() && tail > 0 && fstat(file_.get(), &status) == 0 && status.st_size > tail)
            place_ = status.st_size - tail;
        next();
    }
    void OnWriteDone(bool good) override {
        std::scoped_lock lock{state_->mutex};
        if (good) next();
        else end({grpc::StatusCode::CANCELLED, "logs: the client went"});
    }
    void OnCancel() override {
        std::scoped_lock lock{state_->mutex};
        end(cut_off(edge_.engine, "logs"));
    }
    void OnDone() override { delete this; }

private:
    struct State {
        std::mutex mutex;
        LogReader* reader = nullptr;  // null: finished
    };

    bool open() {
        file_ = OwnedFd{::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
        place_ = 0;
        return static_cast<bool>(file_);
    }
    bool was_replaced() const {
        struct stat ours {
        }, named{};
        if (stat(path_.c_str(), &named) < 0) return false;
        return !file_ || (fstat(file_.get(), &ours) == 0 && ours.st_ino != named.st_ino);
    }
    void next() {
        if (state_->reader == nullptr) return;
        std::string bytes(piece, '\0');
        ssize_t count = file_ ? pread(file_.get(), bytes.data(), bytes.size(), place_) : 0;
        if (count > 0) {
            place_ += count;
            bytes.resize(static_cast<std::size_t>(count));
            response_.set_data(std::move(bytes));
            StartWrite(&response_);
            return;
        }
        if (!follow_ || !edge_.engine.view(uid_)) return end(grpc::Status::OK);
        if (was_replaced()) open();
        edge_.engine.later(log_look, [state = state_] {
            std::scoped_lock lock{state->mutex};
            if (state->reader != nullptr) state->reader->next();
        });
    }
    void end(grpc::Status status) {
        if (std::exchange(state_->reader, nullptr) != nullptr) Finish(std::move(status));
    }

    Edge edge_;
    std::string uid_, path_;
    bool follow_;
    OwnedFd file_;
    off_t place_ = 0;
    v1::ReadConsoleLogResponse response_;
    std::shared_ptr<State> state_ = std::make_shared<State>();
};
}  // namespace

Result<std::unique_ptr<ConsolePump>> ConsolePump::make() {
    OwnedFd wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!wake) return Error::from_errno("make an eventfd");
    std::unique_ptr<ConsolePump> pump{new ConsolePump{TRY(EventLoop::make()), std::move(wake)}};
    ConsolePump* self = pump.get();
    auto woken = [self](std::uint32_t) {
        eventfd_t count = 0;
        eventfd_read(self->wake_.get(), &count);
    };
    TRY(pump->loop_.add(pump->wake_.get(), EPOLLIN, woken));
    pump->thread_ = std::jthread{[self](std::stop_token const& stop) { self->run(stop); }};
    return pump;
}

ConsolePump::~ConsolePump() {
    thread_.request_stop();
    eventfd_write(wake_.get(), 1);
    thread_ = {};
}

void ConsolePump::post(std::function<void()> task) {
    {
        std::scoped_lock lock{mutex_};
        tasks_.push_back(std::move(task));
    }
    eventfd_write(wake_.get(), 1);
}

void ConsolePump::run(std::stop_token const& stop) {
    while (!stop.stop_requested()) {
        if (!loop_.wait(std::nullopt)) return;
        std::deque<std::function<void()>> tasks;
        {
            std::scoped_lock lock{mutex_};
            tasks.swap(tasks_);
        }
        for (auto const& task : tasks) task();
    }
}

grpc::ServerBidiReactor<Input, Output>* ConsolesService::AttachConsole(grpc::CallbackServerContext* context) {
    Result<Caller> caller = need_role(edge_, *context, Role::operator_);
    if (!caller) return new RefusedSession{translate_error(caller.error(), "console")};
    auto session = std::make_shared<Session>(edge_, pump_, *std::move(caller));
    session->begin();
    return session.get();
}

grpc::ServerWriteReactor<v1::ReadConsoleLogResponse>* ConsolesService::ReadConsoleLog(
    grpc::CallbackServerContext* context, v1::ReadConsoleLogRequest const* request) {
    std::string label = "logs " + shown(selector_of(*request).words());
    auto find = [&]() -> Result<std::shared_ptr<DomainView const>> {
        TRY(check_call(edge_, *context, Role::viewer, *request));
        auto view = TRY(edge_.engine.find(selector_of(*request)));
        if (!view->managed || edge_.engine.console_log(*view).empty())
            return Error{"", "there is no log of its console", ErrorKind::precondition};
        return view;
    };
    auto view = find();
    if (!view) return new RefusedStream<v1::ReadConsoleLogResponse>{translate_error(view.error(), label)};
    return new LogReader{edge_, (*view)->record.uid, edge_.engine.console_log(**view), *request};
}
}  // namespace paravane
