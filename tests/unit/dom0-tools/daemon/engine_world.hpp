// SPDX-License-Identifier: MIT
// paravaned's engine on a hypervisor and a store in memory, and a folder for its records.
#pragma once
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "daemon/engine.hpp"
#include "fake_dom0.hpp"
#include "fake_supervisor.hpp"
#include "tests/unit/hypervisor/portable/kernel/kernel_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace test {
using namespace paravane;
using namespace std::chrono_literals;
using testing::HasSubstr;

enum Reason : std::uint32_t { poweroff = 0, reboot = 1, crash = 3, watchdog = 4 };
constexpr auto patience = 600s;  // far beyond need

class EngineTest : public testing::Test {
protected:
    void SetUp() override {
        dom0.reset();
        supervisor.reset();
        std::filesystem::remove_all(folder);
        write_kernel(make_elf());
        begin();
    }
    void TearDown() override {
        engine.reset();
        std::filesystem::remove(kernel);
        std::filesystem::remove_all(folder);
        std::filesystem::remove_all(images);
    }
    void write_kernel(Bytes const& elf) const {
        std::ofstream{kernel, std::ios::binary}.write(reinterpret_cast<char const*>(elf.data()),
                                                      static_cast<std::streamsize>(elf.size()));
    }

    void begin(char const* socket = "serves") {
        Result<RecordStore> records = RecordStore::open(folder);
        ASSERT_TRUE(records) << records.error().message();
        EngineSettings settings;
        settings.devices = {
            .supervisor = socket, .run_folder = folder, .log_folder = "", .disk_folders = {images}, .disk_devices = {}};
        settings.images = {.program = reader, .user = "nobody", .folders = {testing::TempDir(), "/bin"}};
        settings.boot = boot;
        settings.held_limit = held_limit;
        engine = std::make_unique<Engine>(*Hypervisor::open(), *std::move(records), settings);
        ASSERT_TRUE(engine->start());
        wait_for([&] { return engine->store().answers() || dom0.store_is_away; });
    }
    // As if the daemon had been killed, and started again.
    void restart_daemon() {
        engine.reset();
        begin();
    }

    template <class Condition>
    static bool wait_for(Condition condition) {
        auto limit = std::chrono::steady_clock::now() + patience;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > limit) return false;
            std::this_thread::sleep_for(1ms);
        }
        return true;
    }

    DomainSpec spec(std::string const& name = "web") const {
        DomainSpec made;
        made.name = name;
        made.kernel = kernel;
        made.memory = 4 << 20;
        return made;
    }
    static Wish wish(Action action, std::string const& name, std::string const& id = "") {
        return {.action = action, .target = {.name = name, .uid = ""}, .method = "m", .request_id = id, .digest = "d"};
    }
    Wish creation(DomainSpec const& of, std::string const& id = "") const {
        Wish made = wish(Action::create, of.name, id);
        made.spec = of;
        return made;
    }
    Result<> done(Result<Granted> const& granted) {
        if (!granted) return granted.error();
        if (granted->operation.empty()) return {};
        EXPECT_TRUE(wait_for([&] { return engine->operations().find(granted->operation)->done; }));
        std::optional<Operation> operation = engine->operations().find(granted->operation);
        if (operation->error) return *operation->error;
        return {};
    }
    Result<> create(DomainSpec const& of) { return done(engine->wish(creation(of))); }
    Result<> act(Action action, std::string const& name) { return done(engine->wish(wish(action, name))); }

    std::shared_ptr<DomainView const> view(std::string const& name) {
        auto found = engine->find({.name = name, .uid = ""});
        return found ? *found : nullptr;
    }
    std::optional<std::uint16_t> id(std::string const& name) {
        auto found = view(name);
        return found ? found->id() : std::nullopt;
    }
    bool runs(std::uint16_t domid) {
        std::scoped_lock lock{dom0.mutex};
        auto found = dom0.domains.find(domid);
        return found != dom0.domains.end() && (found->second.flags & (abi::dominf::paused | abi::dominf::dying)) == 0;
    }
    void end(std::string const& name, Reason reason) {
        dom0.shut_down(*id(name), reason);
        ASSERT_TRUE(engine->sweep());
    }
    void expect_nothing_left(std::string const& after) {
        std::scoped_lock lock{dom0.mutex};
        EXPECT_EQ(dom0.domains.size(), 1u) << after;
        EXPECT_EQ(dom0.free_frames(), FakeDom0::total_frames - 1) << after;
        EXPECT_EQ(dom0.mappings, 0) << after;
        for (auto const& [path, value] : dom0.nodes) ADD_FAILURE() << after << ": left in the store: " << path;
        for (auto const& entry : std::filesystem::directory_iterator{folder})
            EXPECT_EQ(entry.path().filename(), "lock") << after;
    }
    std::string node(std::string const& path) {
        std::scoped_lock lock{dom0.mutex};
        auto found = dom0.nodes.find(path);
        return found == dom0.nodes.end() ? "(none)" : found->second;
    }

    FakeDom0& dom0 = FakeDom0::the();
    FakeSupervisor& supervisor = FakeSupervisor::the();
    std::string images = testing::TempDir() + "images-" + std::to_string(getpid());
    std::string kernel = testing::TempDir() + "kernel-" + std::to_string(getpid());
    std::string folder = testing::TempDir() + "state-" + std::to_string(getpid());
    std::string boot = "this";
    char const* reader = PVUNPACK;
    std::chrono::nanoseconds held_limit = 1h;
    std::unique_ptr<Engine> engine;
};
}  // namespace test
