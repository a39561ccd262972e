// SPDX-License-Identifier: MIT
// The supervisor over its socket, with shell scripts as backends.
#include "supervisor/server.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "backend/supervisor.hpp"
#include "os/unix_socket.hpp"
#include "supervisor/keeper.hpp"

namespace {
using namespace std::chrono_literals;
using namespace paravane;
using namespace paravane::supervisor;

constexpr auto long_enough = 120s;

TEST(Backoff, CostsNothingAtFirstAndThenDoublesUpToALimit) {
    Backoff backoff;
    for (unsigned i = 0; i < Backoff::free_ends; ++i) EXPECT_EQ(backoff.ended_after(0ms), 0ms);
    EXPECT_EQ(backoff.ended_after(10ms), 100ms);
    EXPECT_EQ(backoff.ended_after(10ms), 200ms);
    for (int i = 0; i < 100; ++i) backoff.ended_after(0ms);
    EXPECT_EQ(backoff.ended_after(0ms), Backoff::longest);
    EXPECT_EQ(backoff.ended_after(1h), 0ms) << "who has lived long starts anew";
    for (int i = 0; i < 100; ++i) EXPECT_EQ(backoff.ended_after(1s), 0ms) << "one in a second is borne for ever";
}

TEST(SupervisorProtocol, TextFitsOrIsRefused) {
    std::array<char, 4> field;
    EXPECT_TRUE(put_text(field, "abcd"));
    EXPECT_EQ(text_of(field), "abcd");
    EXPECT_FALSE(put_text(field, "abcde"));
    EXPECT_TRUE(put_text(field, "a"));
    EXPECT_EQ(text_of(field), "a");
}

// What a device's process does: says that it is ready on descriptor 9, and what else the test wants.
constexpr char serves[] = "#!/bin/sh\nprintf + >&9; exec 9>&-\ntrap 'exit 0' TERM\nwhile :; do sleep 0.05; done\n";

class Supervisor : public testing::Test {
protected:
    void SetUp() override {
        std::filesystem::create_directories(folder);
        chmod(folder.c_str(), 0755);
        for (char const* file : {"evtchn", "gntdev"}) std::ofstream{folder + "/" + file};
        program(serves);
        begin();
    }
    void TearDown() override {
        if (Result<Client> client = connect(); client) {
            std::vector<DeviceStatus> const left = *client->list(long_enough);
            for (DeviceStatus const& status : left) EXPECT_TRUE(client->stop(status.device, long_enough));
        }
        stop();
        std::filesystem::remove_all(folder);
    }
    void program(std::string const& text, std::string const& kind = "console") const {
        std::string const path = folder + "/paravane-" + kind;
        std::ofstream{path + ".new"} << text;
        chmod((path + ".new").c_str(), 0755);
        std::filesystem::rename(path + ".new", path);
    }
    // As its process would.
    void begin() {
        ending = false;
        thread = std::thread{[this] {
            EventLoop loop = *EventLoop::make();
            Server server{loop,
                          {.run_folder = folder,
                           .log_folder = folder,
                           .programs = folder,
                           .devices = folder,
                           .user = "nobody",
                           .disk_folders = {folder + "/disks"},
                           .disk_devices = {}}};
            if (!server.start(*listen_unix(socket, 8, SocketKind::records))) return;
            while (!ending) {
                auto const due = server.look(Clock::now());
                if (absent)
                    server.end_those_without_guest([&](std::uint16_t domid, auto const&) { return domid != absent; });
                auto limit = due ? std::chrono::ceil<std::chrono::milliseconds>(*due - Clock::now()) : 20ms;
                if (!loop.wait(std::clamp(limit, 0ms, std::chrono::milliseconds{20ms}))) return;
            }
        }};
        while (!connect()) std::this_thread::sleep_for(10ms);
    }
    void stop() {
        ending = true;
        thread.join();
    }
    Result<Client> connect() const { return Client::connect(socket); }
    static DeviceSpec spec(std::uint16_t domid, std::string const& log = "") {
        return {.device = {"console", domid, 0}, .owner = {}, .log = log, .arguments = {"--port", "2"}};
    }
    DeviceStatus status(std::uint16_t domid) const {
        std::vector<DeviceStatus> const all = *connect()->list(long_enough);
        for (DeviceStatus const& one : all) {
            if (one.device.domid == domid) return one;
        }
        return {};
    }
    DeviceStatus wait_for(Client& client, State state) const {
        for (;;) {
            auto event = client.next_event(long_enough);
            if (!event || !*event) {
                ADD_FAILURE() << "never";
                return {};
            }
            if ((*event)->state == state) return **event;
        }
    }

    std::string folder = std::filesystem::temp_directory_path() / ("supervisor." + std::to_string(getpid()));
    std::string socket = folder + "/socket";
    std::atomic<bool> ending = false;
    std::atomic<std::uint16_t> absent = 0;
    std::thread thread;
};

TEST_F(Supervisor, StartsOnceWhatIsAskedForTwiceAndStopsIt) {
    Client client = *connect();
    ASSERT_TRUE(client.start(spec(3), long_enough));
    DeviceStatus const first = status(3);
    EXPECT_EQ(first.state, State::running);
    ASSERT_TRUE(client.start(spec(3), long_enough));
    EXPECT_EQ(status(3).pid, first.pid);
    EXPECT_EQ(std::filesystem::exists(folder + "/console-3.sock"), true);
    ASSERT_TRUE(client.stop(spec(3).device, long_enough));
    EXPECT_EQ(status(3).state, State::gone);
    EXPECT_NE(kill(first.pid, 0), 0);
    for (char const* left : {"console-3.sock", "console-3-0.journal", "console-3-0.device"})
        EXPECT_FALSE(std::filesystem::exists(folder + "/" + left)) << left;
    EXPECT_TRUE(client.stop(spec(3).device, long_enough)) << "what is not there is stopped";
}

TEST_F(Supervisor, BringsBackWhatWasKilledAndLendsItTheSameAgain) {
    program("#!/bin/sh\nprintf x >&3\n" + std::string{serves + 10});
    Client client = *connect();
    ASSERT_TRUE(client.watch(long_enough));
    ASSERT_TRUE(client.start(spec(3, "web"), long_enough));
    for (unsigned kills = 1; kills <= 3; ++kills) {
        kill(status(3).pid, SIGKILL);
        wait_for(client, State::waiting);
        EXPECT_EQ(wait_for(client, State::running).restarts, kills);
    }
    EXPECT_EQ(std::filesystem::file_size(folder + "/console-3-0.journal"), 4u) << "each has written one byte";
    EXPECT_TRUE(std::filesystem::exists(folder + "/web.log"));
    ASSERT_TRUE(client.restart(spec(3).device, long_enough));
    EXPECT_EQ(status(3).restarts, 4u);
}

TEST_F(Supervisor, SaysWhyItCannotStart) {
    program("#!/bin/sh\necho the port is taken >&2; exit 1\n");
    Client client = *connect();
    Result<> started = client.start(spec(3), long_enough);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().reason, "the port is taken");
    EXPECT_EQ(status(3).state, State::gone);
    program("#!/no/such/shell\n");
    started = client.start(spec(3), long_enough);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().reason, "start " + folder + "/paravane-console: No such file or directory");
    EXPECT_FALSE(client.start({.device = {"toaster", 3, 0}, .owner = {}, .log = "", .arguments = {}}, long_enough));
    EXPECT_FALSE(client.start(spec(3, "../../etc/passwd"), long_enough));
    EXPECT_FALSE(client.restart(spec(3).device, long_enough));
}

TEST_F(Supervisor, EndsWhatHasNoGuestAnyMore) {
    Client client = *connect();
    ASSERT_TRUE(client.start(spec(3), long_enough));
    ASSERT_TRUE(client.start(spec(4), long_enough));
    ASSERT_TRUE(client.watch(long_enough));
    absent = 3;
    EXPECT_EQ(wait_for(client, State::gone).device.domid, 3u);
    EXPECT_EQ(status(4).state, State::running);
}

TEST_F(Supervisor, FindsItsDevicesAgainWhenItWasKilledItself) {
    Client client = *connect();
    ASSERT_TRUE(client.start(spec(3), long_enough));
    int const pid = status(3).pid;
    ASSERT_TRUE(client.start(spec(4), long_enough));
    int const other = status(4).pid;
    stop();
    kill(other, SIGKILL);
    begin();
    EXPECT_EQ(status(3).pid, pid) << "it lives on";
    Client again = *connect();
    ASSERT_TRUE(again.start(spec(4), long_enough)) << "it was killed meanwhile";
    ASSERT_TRUE(again.watch(long_enough));
    kill(pid, SIGKILL);
    EXPECT_NE(wait_for(again, State::running).pid, pid);
}

// In the place of a record that cannot be written.
TEST_F(Supervisor, StartsNothingThatItCannotWriteDown) {
    std::string const beside = folder + "/console-3-0.device.new";
    program("#!/bin/sh\necho $$ >>" + folder + "/ran\n" + std::string{serves + 10});
    std::ofstream{folder + "/ran"};
    chmod((folder + "/ran").c_str(), 0666);
    auto const ran = [&] { return std::filesystem::file_size(folder + "/ran") != 0; };
    std::filesystem::create_directories(beside + "/full");
    Client client = *connect();
    ASSERT_TRUE(client.watch(long_enough));
    Result<> started = client.start(spec(3), long_enough);
    EXPECT_FALSE(started);
    EXPECT_NE((started ? "" : started.error().reason).find("keep the record of console-3-0"), std::string::npos);
    EXPECT_EQ(status(3).state, State::gone);
    EXPECT_FALSE(ran());
    std::filesystem::remove_all(beside);

    // Nor one that ran before: it comes back when it can be written down.
    ASSERT_TRUE(client.start(spec(3), long_enough));
    EXPECT_TRUE(ran());
    std::filesystem::resize_file(folder + "/ran", 0);
    std::filesystem::create_directories(beside + "/full");
    kill(status(3).pid, SIGKILL);
    DeviceStatus waits;
    do { waits = wait_for(client, State::waiting); } while (waits.restarts < 3);
    EXPECT_FALSE(ran());
    std::filesystem::remove_all(beside);
    int const pid = wait_for(client, State::running).pid;
    EXPECT_TRUE(ran());
    stop();
    begin();
    EXPECT_EQ(status(3).pid, pid) << "the next one knows it";
}

// Nobody waits for the end of a backend that takes its time, nor for a supervisor that does not accept.
TEST_F(Supervisor, IsToldToStopWithoutWaiting) {
    program("#!/bin/sh\ntrap '' TERM\nprintf + >&9; exec 9>&-\nwhile :; do sleep 0.05; done\n");
    ASSERT_TRUE(connect()->start(spec(3), long_enough));
    Client watcher = *connect();
    ASSERT_TRUE(watcher.watch(long_enough));
    ASSERT_TRUE(connect()->tell_to_stop(spec(3).device));
    EXPECT_EQ(wait_for(watcher, State::stopping).device.domid, 3);
    kill(status(3).pid, SIGKILL);
    wait_for(watcher, State::gone);

    std::string const deaf = folder + "/deaf";
    OwnedFd listener = *listen_unix(deaf, 1, SocketKind::records);
    std::vector<Client> clients;
    Result<Client> next = Client::connect(deaf);
    for (; next && clients.size() < 100; next = Client::connect(deaf)) clients.push_back(*std::move(next));
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().kind, ErrorKind::unavailable);
}

// Says its number on a pipe when it serves.
struct Kept {
    Kept() {
        int ends[2];
        EXPECT_EQ(pipe(ends), 0);
        numbers = OwnedFd{ends[0]};
        said = OwnedFd{ends[1]};
    }
    Child keeper(bool serves) const {
        return *Child::twin([&, serves] {
            auto const serve = [&](auto const& say_ready) -> Result<> {
                if (!serves) return Error{"", "it cannot serve"};
                TRY(say_ready());
                pid_t const self = getpid();
                if (write(said.get(), &self, sizeof self) != sizeof self) return Error{"", "nobody listens"};
                for (;;) pause();
            };
            return keep(serve, []() -> Result<> { return {}; }) ? 0 : 1;
        });
    }
    pid_t next() const {
        pid_t number = 0;
        EXPECT_EQ(read(numbers.get(), &number, sizeof number), static_cast<ssize_t>(sizeof number));
        return number;
    }
    OwnedFd numbers, said;
};

TEST(Keeper, StartsAnotherHoweverOftenOneIsKilled) {
    Kept kept;
    Child keeper = kept.keeper(true);
    pid_t serving = kept.next();
    for (int kills = 0; kills < 4; ++kills) {
        ::kill(serving, SIGKILL);
        pid_t const another = kept.next();
        EXPECT_NE(another, serving);
        serving = another;
    }
    Result<OwnedFd> process = open_process(serving);
    ASSERT_TRUE(process);
    ::kill(keeper.pid(), SIGTERM);
    ASSERT_EQ(*keeper.wait(Clock::now() + long_enough, {}), Waited::ended);
    EXPECT_EQ(keeper.end(), 0);
    pollfd gone{process->get(), POLLIN, 0};
    EXPECT_EQ(poll(&gone, 1, 60'000), 1) << "who serves ends with the keeper";
}

TEST(Keeper, EndsWhenNobodyEverServed) {
    Child keeper = Kept{}.keeper(false);
    ASSERT_EQ(*keeper.wait(Clock::now() + long_enough, {}), Waited::ended);
    EXPECT_EQ(WEXITSTATUS(keeper.end()), 1);
}

TEST_F(Supervisor, DisconnectsWhoSpeaksNonsenseAndGoesOn) {
    for (std::size_t size : {std::size_t{1}, sizeof(Request), sizeof(Request) + 1}) {
        OwnedFd other = *connect_unix(socket, SocketKind::records);
        std::string const record(size, 'x');
        ASSERT_EQ(send(other.get(), record.data(), size, MSG_NOSIGNAL), static_cast<ssize_t>(size));
        char byte;
        EXPECT_EQ(recv(other.get(), &byte, 1, 0), 0);
    }
    EXPECT_TRUE(connect()->start(spec(3), long_enough));
}
// Descriptor 4 is the image, 5 its way to the store, 8 says that it is ready; it reads one byte of the image.
constexpr char serves_disk[] =
    "#!/bin/sh\n[ -S /proc/self/fd/5 ] || exit 1\ndd bs=1 count=1 <&4 2>/dev/null >/dev/null\n"
    "printf + >&8; exec 8>&-\ntrap 'exit 0' TERM\nwhile :; do sleep 0.05; done\n";

class Disks : public Supervisor {
protected:
    Disks() { setenv("XENSTORED_PATH", "/nowhere", 1); }
    void SetUp() override {
        Supervisor::SetUp();
        std::filesystem::create_directories(folder + "/disks");
        program(serves_disk, "block");
    }
    DeviceSpec disk(std::vector<std::string> const& more = {}) const {
        DeviceSpec spec{.device = {"block", 3, 1}, .owner = {}, .log = {}, .arguments = {"--image", image}};
        spec.arguments.insert(spec.arguments.end(), more.begin(), more.end());
        return spec;
    }
    std::string const image = folder + "/disks/image";
    // How it is open, and how far it was read: both of the open file.
    std::string open_image_of(int pid) const {
        std::ifstream info{"/proc/" + std::to_string(pid) + "/fdinfo/4"};
        std::string word, place, flags;
        info >> word >> place >> word >> flags;
        return place + " " + std::to_string(std::stoul(flags, nullptr, 8) & (O_ACCMODE | O_NONBLOCK));
    }
};

TEST_F(Disks, HaveAnImageThatIsOpenedForEachProcess) {
    std::ofstream{image} << "image";
    Client client = *connect();
    ASSERT_TRUE(client.watch(long_enough));
    ASSERT_TRUE(client.start(disk(), long_enough));
    for (int kills = 0; kills < 3; ++kills) {
        EXPECT_EQ(open_image_of(status(3).pid), "1 " + std::to_string(O_RDWR)) << kills;
        kill(status(3).pid, SIGKILL);
        wait_for(client, State::waiting);
        wait_for(client, State::running);
    }
    ASSERT_TRUE(client.stop(disk().device, long_enough));
    ASSERT_TRUE(client.start(disk({"--read-only"}), long_enough));
    EXPECT_EQ(open_image_of(status(3).pid), "1 " + std::to_string(O_RDONLY));
}

TEST_F(Disks, AreNotServedWithoutAnImage) {
    Client client = *connect();
    Result<> started = client.start(disk(), long_enough);
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message().find("No such file"), std::string::npos) << started.error().message();
    DeviceSpec unnamed = disk();
    unnamed.arguments.pop_back();
    EXPECT_FALSE(client.start(unnamed, long_enough));
}

// Who asks has been told the name by somebody else.
TEST_F(Disks, AreFilesBelowTheFoldersForThemAndNothingElse) {
    Client client = *connect();
    auto const refusal_of = [&](std::string const& path) {
        DeviceSpec other = disk();
        other.arguments = {"--image", path};
        Result<> started = client.start(other, long_enough);
        return started ? "it worked" : started.error().message();
    };
    std::ofstream{folder + "/secret"} << "secret";
    std::filesystem::create_symlink("../secret", folder + "/disks/link");
    mkfifo((folder + "/disks/fifo").c_str(), 0600);
    std::pair<std::string, char const*> const cases[] = {
        {folder + "/secret", "it is in none of the allowed folders"},
        {folder + "/disks/../secret", "leads outside"},
        {folder + "/disks/link", "leads outside"},
        {folder + "/disks/fifo", "it is a FIFO"},  // nor is it waited for
        {folder + "/disks", "it is in none"},
        {"/dev/null", "it is in none"},
    };
    for (auto const& [path, why] : cases) {
        std::string const refusal = refusal_of(path);
        EXPECT_NE(refusal.find(why), refusal.npos) << path << ": " << refusal;
    }
    EXPECT_EQ(status(3).pid, 0) << "no process was started";
}

TEST_F(Disks, GetAnotherProcessFromTheNextSupervisor) {
    std::ofstream{image} << "image";
    ASSERT_TRUE(connect()->start(disk(), long_enough));
    int const before = status(3).pid;
    stop();
    begin();
    DeviceStatus now;
    do { now = status(3); } while (now.state != State::running || now.pid == before);
    EXPECT_EQ(open_image_of(now.pid), "1 " + std::to_string(O_RDWR));
}
}  // namespace
