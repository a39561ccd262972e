// SPDX-License-Identifier: MIT
// Devices that a domain is made with, and that come and go while its guest runs.
#include "engine_world.hpp"

namespace test {
namespace {
constexpr char back[] = "/local/domain/0/backend/pvblk/1/51712";
constexpr char front[] = "/local/domain/1/device/vbd/51712";

class DevicesTest : public EngineTest {
protected:
    void SetUp() override {
        EngineTest::SetUp();
        std::filesystem::create_directories(images);
        for (char const* name : {"a", "b"}) std::ofstream{image(name)} << "disk";
    }
    std::string image(std::string const& name) const { return images + "/" + name; }
    DeviceSpec disk(std::string const& id = "root", std::string const& target = "xvda") const {
        return {id, BlockSpec{.path = image(id == "root" ? "a" : "b"), .format = "", .target = target}};
    }
    DomainSpec with_disk(std::string const& name = "web") const {
        DomainSpec made = spec(name);
        made.devices = {disk()};
        return made;
    }
    static Wish attach(DeviceSpec const& device, std::string const& id = "") {
        Wish made = wish(Action::attach, "web", id);
        made.device = device;
        return made;
    }
    static Wish detach(std::string const& device, std::chrono::nanoseconds grace = 1h, bool force = false) {
        Wish made = wish(Action::detach, "web");
        made.device.id = device;
        made.grace = grace;
        made.force = force;
        return made;
    }
    // What its guest and its back end do when it is wanted back.
    void let_go() {
        ASSERT_TRUE(wait_for([&] { return node(std::string{back} + "/online") == "0"; })) << "it was not asked";
        std::scoped_lock lock{dom0.mutex};
        dom0.nodes[std::string{back} + "/state"] = "6";
    }
    std::string served() {
        std::scoped_lock lock{supervisor.mutex};
        std::string all;
        for (auto const& [name, device] : supervisor.devices) all += name + " ";
        return all;
    }
    std::vector<DeviceSpec> devices() { return view("web")->record.spec.devices; }
    void expect_attached() {
        EXPECT_EQ(node(std::string{front} + "/backend"), back);
        EXPECT_EQ(node(std::string{back} + "/online"), "1");
        EXPECT_EQ(served(), "block-1-51712 console-1-0 ");
        EXPECT_EQ(devices().size(), 1u);
    }
    void expect_detached() {
        EXPECT_TRUE(devices().empty());
        EXPECT_EQ(node(std::string{front} + "/backend"), "(none)");
        EXPECT_EQ(node(std::string{back} + "/online"), "(none)");
        EXPECT_EQ(served(), "console-1-0 ");
        EXPECT_TRUE(runs(1));
    }
    void clean_up() {
        ASSERT_TRUE(act(Action::remove, "web"));
        EXPECT_EQ(served(), "");
        expect_nothing_left("a delete");
    }
};

TEST_F(DevicesTest, AGuestIsMadeWithItsDisk) {
    DomainSpec made = with_disk();
    BlockSpec& block = std::get<BlockSpec>(made.devices[0].kind);
    block.read_only = true;
    block.sector = 4096;
    ASSERT_TRUE(create(made));
    expect_attached();
    std::pair<char const*, char const*> const nodes[] = {
        {"/frontend", front}, {"/frontend-id", "1"},        {"/online", "1"},        {"/mode", "r"},
        {"/state", "1"},      {"/virtual-device", "51712"}, {"/device-type", "disk"}};
    for (auto const& [name, value] : nodes) EXPECT_EQ(node(std::string{back} + name), value) << name;
    EXPECT_EQ(node(std::string{front} + "/backend-id"), "0");
    EXPECT_EQ(node(std::string{front} + "/state"), "1");
    EXPECT_EQ(node(std::string{front} + "/virtual-device"), "51712");
    std::vector<std::string> const words{"--image", image("a"), "--read-only", "--sector", "4096"};
    EXPECT_EQ(supervisor.devices.at("block-1-51712").arguments, words);
    clean_up();
}

TEST_F(DevicesTest, ACreateWhoseDiskCannotBeServedLeavesNothing) {
    supervisor.refuses_disks = true;
    Result<> made = create(with_disk());
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message(), HasSubstr("start the backend of device root: it ended without a reason"));
    EXPECT_EQ(served(), "");
    expect_nothing_left("a create");
}

TEST_F(DevicesTest, ImagesAreWhereTheyMayBe) {
    DomainSpec made = with_disk();
    for (char const* path : {"/etc/passwd", "/dev/null", "/dev/sda"}) {
        std::get<BlockSpec>(made.devices[0].kind).path = path;
        Result<> refused = create(made);
        ASSERT_FALSE(refused) << path;
        EXPECT_EQ(refused.error().kind, ErrorKind::precondition) << path;
        EXPECT_EQ(refused.error().facts["reason"], "FILE_UNUSABLE");
        EXPECT_THAT(refused.error().message(), HasSubstr("disk " + std::string{path} + ": it is in none of the"));
        expect_nothing_left(path);
    }
    ASSERT_TRUE(create(spec()));
    Result<> refused = done(engine->wish(attach({"x", std::get<BlockSpec>(made.devices[0].kind)})));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().facts["reason"], "FILE_UNUSABLE");
    clean_up();
}

TEST_F(DevicesTest, WhoHasAnImageIsNamed) {
    ASSERT_TRUE(create(with_disk()));
    Result<> made = create(with_disk("other"));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, ErrorKind::precondition);
    EXPECT_THAT(made.error().message(), HasSubstr("somebody else uses it; domain web has " + image("a")));
    EXPECT_EQ(made.error().facts["owner"], view("web")->record.uid);
    clean_up();
}

TEST_F(DevicesTest, ComeAndGo) {
    ASSERT_TRUE(create(spec()));
    Result<Granted> const attached = engine->wish(attach(disk(), "id-1"));
    ASSERT_TRUE(done(attached));
    expect_attached();
    EXPECT_EQ(engine->wish(attach(disk(), "id-1"))->operation, attached->operation) << "it is not done twice";
    Result<Granted> twice = engine->wish(attach(disk()));
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().facts["reason"], "DEVICE_EXISTS");
    twice = engine->wish(attach(disk("data")));
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().message(), "device.block.target is another device's too");
    EXPECT_EQ(engine->wish(detach("none")).error().facts["reason"], "NO_SUCH_DEVICE");
    EXPECT_EQ(engine->wish(detach("console")).error().facts["reason"], "WRONG_STATE");

    Result<Granted> const detached = engine->wish(detach("root"));
    ASSERT_TRUE(detached);
    EXPECT_EQ(engine->wish(detach("root")).error().facts["reason"], "WRONG_STATE") << "it is under way";
    let_go();
    ASSERT_TRUE(done(detached));
    expect_detached();
    ASSERT_TRUE(done(engine->wish(attach(disk()))));
    expect_attached();
    ASSERT_TRUE(act(Action::remove, "web"));
    EXPECT_EQ(served(), "");
}

TEST_F(DevicesTest, AGuestThatKeepsItsDiskHasIt) {
    ASSERT_TRUE(create(with_disk()));
    Result<> const silent = done(engine->wish(detach("root", 50ms)));
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().kind, ErrorKind::timed_out);
    EXPECT_EQ(silent.error().facts.find("reason")->second, "GUEST_SILENT");
    EXPECT_TRUE(wait_for([&] { return node(std::string{back} + "/online") == "1"; }));
    expect_attached();

    Result<Granted> const cancelled = engine->wish(detach("root"));
    ASSERT_TRUE(wait_for([&] { return node(std::string{back} + "/online") == "0"; }));
    ASSERT_TRUE(engine->cancel(cancelled->operation));
    EXPECT_EQ(done(cancelled).error().kind, ErrorKind::cancelled);
    expect_attached();

    Result<Granted> const asked = engine->wish(detach("root"));
    ASSERT_TRUE(done(engine->wish(detach("root", 1h, true))));
    EXPECT_TRUE(done(asked)) << "it is gone as well";
    expect_detached();
    clean_up();
}

TEST_F(DevicesTest, ADetachIsGoneOnWithByTheNextDaemon) {
    ASSERT_TRUE(create(with_disk()));
    Result<Granted> const asked = engine->wish(detach("root"));
    ASSERT_TRUE(wait_for([&] { return node(std::string{back} + "/online") == "0"; }));
    restart_daemon();
    EXPECT_FALSE(engine->operations().find(asked->operation)->done);
    let_go();
    ASSERT_TRUE(done(asked));
    expect_detached();
    clean_up();
}

TEST_F(DevicesTest, AnotherDaemonChangesNothing) {
    ASSERT_TRUE(create(with_disk()));
    {
        std::scoped_lock lock{dom0.mutex};
        dom0.nodes[std::string{back} + "/state"] = dom0.nodes[std::string{front} + "/state"] = "4";
    }
    restart_daemon();
    ASSERT_TRUE(done(engine->wish(wish(Action::pause, "web")))) << "it has looked at all";
    expect_attached();
    EXPECT_EQ(node(std::string{back} + "/state"), "4");
    EXPECT_EQ(supervisor.restarts, 0);
    clean_up();
}

// Its backend has a way to the store that was there before.
TEST_F(DevicesTest, NodesThatAreWrittenAgainGoToABackendThatHearsOfThem) {
    ASSERT_TRUE(create(with_disk()));
    engine.reset();
    {
        std::scoped_lock lock{dom0.mutex};
        dom0.nodes.clear();
    }
    begin();
    EXPECT_TRUE(wait_for([&] { return node(std::string{front} + "/backend") == back; }));
    expect_attached();
    EXPECT_EQ(supervisor.restarts, 1);
    clean_up();
}

TEST_F(DevicesTest, AnAttachThatFailsLeavesNothing) {
    ASSERT_TRUE(create(spec()));
    supervisor.refuses_disks = true;
    Result<> const attached = done(engine->wish(attach(disk())));
    ASSERT_FALSE(attached);
    EXPECT_THAT(attached.error().message(), HasSubstr("start the backend of device root: it ended without"));
    expect_detached();
    clean_up();
}

// Which was made without it.
TEST_F(DevicesTest, AnAttachThatFailsDoesNotEndAGuestThatWaitsPaused) {
    DomainSpec paused = spec();
    paused.power_state = PowerState::paused;
    ASSERT_TRUE(create(paused));
    supervisor.refuses_disks = true;
    EXPECT_FALSE(done(engine->wish(attach(disk()))));
    EXPECT_EQ(view("web")->record.phase, Phase::ready);
    EXPECT_EQ(id("web"), 1);
    EXPECT_TRUE(devices().empty());
    supervisor.refuses_disks = false;
    ASSERT_TRUE(done(engine->wish(attach(disk()))));
    expect_attached();
    ASSERT_TRUE(done(engine->wish(detach("root")))) << "who never ran is not asked";
    EXPECT_TRUE(devices().empty());
    clean_up();
}

TEST_F(DevicesTest, OfADomainWithoutAGuestAreInItsSpecOnly) {
    ASSERT_TRUE(create(spec()));
    ASSERT_TRUE(act(Action::stop, "web"));
    ASSERT_TRUE(done(engine->wish(attach(disk()))));
    EXPECT_EQ(served(), "");
    Wish start = wish(Action::start, "web");
    ASSERT_TRUE(done(engine->wish(std::move(start))));
    EXPECT_EQ(served(), "block-2-51712 console-2-0 ");
    Wish update = wish(Action::update, "web");
    update.edit = [](DomainSpec& changed) -> Result<> {
        changed.devices.clear();
        return {};
    };
    Result<Granted> const changed = engine->wish(update);
    ASSERT_FALSE(changed);
    EXPECT_THAT(changed.error().message(), HasSubstr("it has a guest, whose devices are attached and detached"));
    ASSERT_TRUE(act(Action::stop, "web"));
    ASSERT_TRUE(done(engine->wish(update)));
    EXPECT_TRUE(devices().empty());
    clean_up();
}

TEST_F(DevicesTest, AreShownAsTheyAre) {
    ASSERT_TRUE(create(with_disk()));
    auto const state = [&] { return engine->report_devices(*view("web")).at(1).state; };
    std::pair<char const*, DeviceState> const states[] = {{"1", DeviceState::waiting},
                                                          {"2", DeviceState::waiting},
                                                          {"4", DeviceState::connected},
                                                          {"5", DeviceState::closing}};
    for (auto const& [text, expected] : states) {
        {
            std::scoped_lock lock{dom0.mutex};
            dom0.nodes[std::string{back} + "/state"] = text;
        }
        EXPECT_EQ(state(), expected) << text;
    }
    std::vector<DeviceReport> const reports = engine->report_devices(*view("web"));
    ASSERT_EQ(reports.size(), 2u);
    EXPECT_EQ(reports[0].id, "console");
    EXPECT_EQ(reports[0].state, DeviceState::connected);
    EXPECT_EQ(reports[1].pid, 7);
    EXPECT_EQ(reports[1].restarts, 2u);
    ASSERT_TRUE(act(Action::stop, "web"));
    EXPECT_EQ(state(), DeviceState::stopped);
    clean_up();
}
}  // namespace
}  // namespace test
