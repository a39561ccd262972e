// SPDX-License-Identifier: MIT
// The server is killed, and another one goes on with the journal. Nobody may see a difference.
#include "xenstored/journal.hpp"

#include "test_store.hpp"
#include "xenstored/ring_client.hpp"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

namespace paravane::xenstored {
namespace {
// A journal with its memory.
struct Kept {
    explicit Kept(std::size_t enough = 1 << 30) : memory(4 << 20), journal{memory, {}, enough} {}

    std::vector<std::byte> memory;
    Journal journal;
};

std::vector<std::string> records_of(Journal const& journal) {
    std::vector<std::string> records;
    std::string_view log = journal.log();
    while (auto record = Journal::take_record(log)) records.emplace_back(*record);
    return records;
}

// All that can be asked of a server, as text.
std::string text_of(Server& server) {
    std::string text;
    for_each_below("/", server.root(), [&](std::string const& path, NodeRef const& node) {
        text += path + "=" + std::string{node->value.view()} + " " + std::to_string(node->generation);
        for (Permission const& entry : node->permissions->entries) {
            text += " " + std::to_string(entry.domid) + ":" + std::to_string(static_cast<int>(entry.rights));
        }
        text += " " + std::to_string(node->permissions->set_at) + "\n";
    });
    server.for_each_session([&](Session& session) {
        Writer output;
        session.output.save(output);
        text += "session " + std::to_string(session.id) + " " + session.base_path + (session.dead ? " dead" : "") +
                " key " + std::to_string(session.key) + " at " + std::to_string(session.place.requests) + "/" +
                std::to_string(session.place.replies) + " credit " + std::to_string(session.credit.left()) + " input " +
                std::string{session.input.rest()} + " output " + std::string{output.bytes()} + " next " +
                std::to_string(session.next_transaction) + "\n";
        for (auto const& [id, transaction] : session.transactions) {
            text += "transaction " + std::to_string(id) + (transaction.is_doomed() ? " doomed" : "") +
                    (transaction.has_failed() ? " failed" : "") + " " + std::to_string(transaction.touched()) + " " +
                    std::to_string(transaction.modified()) + " " + std::to_string(transaction.memory()) + " " +
                    std::to_string(transaction.changes().size()) + "\n";
        }
    });
    if (std::optional<std::string> wrong = server.audit()) text += *wrong;
    return text;
}

// What clients and domains do, at random but the same each time.
class Workload {
public:
    Workload(TestStore& store, std::uint32_t seed) : store_{store}, random_{seed} {
        for (int i = 0; i < 2; ++i) clients_.push_back(store.socket());
        for (Domid domid : {Domid{1}, Domid{2}}) clients_.push_back(store.domain(domid));
    }

    void step() {
        Client& client = clients_[random_() % clients_.size()];
        client.now += std::chrono::milliseconds{random_() % 20};
        std::uint32_t tx = 0;
        if (random_() % 3 == 0 && !client.session().transactions.empty()) {
            tx = client.session().transactions.begin()->first;
        }
        std::string path = "/shared";
        for (unsigned depth = random_() % 3; depth > 0; --depth) path += "/" + std::string(1, "abcd"[random_() % 4]);
        std::string const zero(1, '\0');
        switch (random_() % 12) {
            case 0: client.send(MessageType::transaction_start, zero); break;
            case 1: client.send(MessageType::transaction_end, "T" + zero, tx); break;
            case 2: client.send(MessageType::rm, path + zero, tx); break;
            case 3: client.send(MessageType::watch, path + zero + "token" + zero); break;
            case 4: client.send(MessageType::unwatch, path + zero + "token" + zero); break;
            case 5: client.send(MessageType::set_perms, path + zero + "b0" + zero + "r2" + zero, tx); break;
            case 6: client.send(MessageType::directory, path + zero, tx); break;
            case 7: client.send(MessageType::read, path + zero, tx); break;
            case 8: domains(); break;
            default: client.send(MessageType::write, path + zero + std::to_string(random_() % 1000), tx); break;
        }
        if (random_() % 4 != 0) store_.server.serve(client.session(), 1 + random_() % 3, client.now);
        std::size_t const waiting = client.session().output.front().size();
        if (waiting > 0 && random_() % 2 == 0) store_.server.took(client.session(), 1 + random_() % waiting);
        store_.server.tidy_journal();
    }

private:
    void domains() {
        if (random_() % 3 == 0) {
            store_.platform.states[2] = random_() % 2 == 0 ? DomainState::shut_down : DomainState::running;
            store_.server.check_domains();
        } else if (random_() % 2 == 0) {
            clients_[0].send(MessageType::introduce, "1\0001\0009"_z);
        } else {
            clients_[1].send(MessageType::resume, "2"_z);
        }
    }

    TestStore& store_;
    std::mt19937 random_;
    std::vector<Client> clients_;
};
}  // namespace

TEST(Journal, AServerAfterAnyRecordIsTheOneThatWasKilled) {
    Kept kept;
    TestStore store;
    store.server.keep_in(kept.journal);
    Workload work{store, 1};
    Client tools = store.socket();
    tools.mkdir("/shared");
    tools.chmod("/shared", "b0");
    // After how many records the server was like that; in between it was about to be like the next one.
    std::map<std::size_t, std::string> texts;
    for (int i = 0; i < 150; ++i) {
        work.step();
        texts[records_of(kept.journal).size()] = text_of(store.server);
    }
    std::vector<std::string> const records = records_of(kept.journal);
    ASSERT_EQ(texts.rbegin()->first, records.size());
    Kept again;
    std::size_t compared = 0;
    for (std::size_t count = texts.begin()->first; count <= records.size(); ++count) {
        std::memset(again.memory.data(), 0, Journal::header_size);
        Journal journal{again.memory};
        journal.start_anew(kept.journal.snapshot());
        for (std::size_t i = 0; i < count; ++i) journal.append(records[i]);
        TestStore other;
        other.platform.states = store.platform.states;
        other.server.keep_in(journal);
        auto const is_like = texts.find(count);
        if (is_like == texts.end()) continue;
        ++compared;
        ASSERT_EQ(text_of(other.server), is_like->second) << "killed after record " << count;
    }
    EXPECT_EQ(compared, texts.size());
}

TEST(Journal, ClientsGoOnThroughKillsAsIfThereWereNone) {
    // Two servers with the same clients. One is killed before each step, and its journal is short.
    TestStore quiet;
    Kept kept{4096};
    auto store = std::make_unique<TestStore>();
    store->server.keep_in(kept.journal);
    for (TestStore* each : {&quiet, store.get()}) {
        for (int i = 0; i < 2; ++i) each->server.open_socket_session(static_cast<std::uint64_t>(i) + 1);
    }
    for (int i = 0; i < 300; ++i) {
        store = std::make_unique<TestStore>();
        store->server.keep_in(kept.journal);
        std::string path = "/shared/n" + std::to_string(i % 7) + '\0';
        std::uint32_t const tx = i % 3 == 0 ? static_cast<std::uint32_t>(i / 50 + 1) : 0;
        std::string bytes;
        if (i % 50 < 2) bytes += encode(MessageType::transaction_start, 1, 0, ""_z);
        bytes += encode(MessageType::watch, 2, 0, path + "t" + '\0');
        bytes += encode(MessageType::write, 3, tx, path + std::to_string(i));
        if (i % 50 > 47) bytes += encode(MessageType::transaction_end, 4, tx, "T"_z);
        for (TestStore* each : {&quiet, store.get()}) {
            Session& client = *each->server.find_session(1 + static_cast<SessionId>(i % 2));
            each->server.feed(client, std::as_bytes(std::span{bytes}));
            each->server.serve(client, 2, Time{std::chrono::seconds{i}});
            if (!client.output.empty()) each->server.took(client, client.output.front().size());
            each->server.tidy_journal();
        }
        ASSERT_EQ(text_of(store->server), text_of(quiet.server)) << "step " << i;
    }
    EXPECT_LT(kept.journal.log().size(), 3 * kept.journal.snapshot().size() + 4096);
    EXPECT_EQ(store->server.last_key(), 2U);
}

TEST(Journal, ARecordThatIsHalfWrittenIsNotThere) {
    Kept kept;
    kept.journal.start_anew("snapshot");
    kept.journal.append("first");
    std::memset(kept.memory.data() + Journal::header_size + kept.journal.end(), 'x', 100);
    Journal again{kept.memory};
    EXPECT_EQ(again.snapshot(), "snapshot");
    EXPECT_EQ(records_of(again), std::vector<std::string>{"first"});
}

TEST(Journal, ASnapshotThatIsHalfWrittenIsNotThere) {
    Kept kept;
    kept.journal.start_anew("old");
    kept.journal.append("record");
    std::vector<std::byte> const before = kept.memory;
    kept.journal.start_anew("the new one");
    EXPECT_EQ(kept.journal.snapshot(), "the new one");
    EXPECT_TRUE(kept.journal.log().empty());
    // All but the header is as after it, and the header as before.
    std::copy_n(before.begin(), Journal::header_size, kept.memory.begin());
    Journal again{kept.memory};
    EXPECT_EQ(again.snapshot(), "old");
    EXPECT_EQ(records_of(again), std::vector<std::string>{"record"});
}

TEST(Journal, BytesOfASystemCallAreCountedOnce) {
    Kept kept;
    kept.journal.start_anew("");
    EXPECT_FALSE(kept.journal.witnessed());
    mmsghdr* message = kept.journal.arm(Witness::Kind::receive, 7, kept.journal.received());
    EXPECT_FALSE(Journal{kept.memory}.witnessed()) << "killed before the kernel moved any";
    message->msg_len = 20;
    EXPECT_EQ(Journal{kept.memory}.witnessed(), 20U);
    EXPECT_EQ(Journal{kept.memory}.witness().session, 7U);
    kept.journal.append("they are in here");
    EXPECT_FALSE(Journal{kept.memory}.witnessed());
    message = kept.journal.arm(Witness::Kind::send, 7, {});
    message->msg_len = 5;
    kept.journal.start_anew("");
    EXPECT_FALSE(kept.journal.witnessed());
}

TEST(Journal, ARingGoesOnAtEveryPointOfItsTurn) {
    std::string const request = encode(MessageType::write, 5, 0, "data/x"_z + std::string(3000, 'v')) +
                                encode(MessageType::read, 6, 0, "data/x"_z);
    std::string const expected =
        encode(MessageType::write, 5, 0, "OK"_z) + encode(MessageType::read, 6, 0, std::string(3000, 'v'));
    // Killed at any of the points between two writes to memory that outlives the server.
    for (unsigned seed = 1; seed <= 40; ++seed) {
        std::mt19937 random{seed};
        int kills = 0;
        Kept kept;
        Limits const limits{.node_size = 5000};
        auto store = std::make_unique<TestStore>(limits);
        store->server.keep_in(kept.journal);
        SessionId const id = store->domain(3).session().id;
        store->server.took(*store->server.find_session(id), 0);
        RingPage page{};
        auto ring = std::make_unique<Ring>(page);
        ring->restart();
        auto killed_here = [&] {
            if (random() % 4 != 0) return false;
            ++kills;
            store = std::make_unique<TestStore>(limits);
            store->platform.states[3] = DomainState::running;
            store->server.keep_in(kept.journal);
            ring = std::make_unique<Ring>(page);
            ring->go_on_at(store->server.find_session(id)->place);
            return true;
        };
        std::string unsent = request;
        std::string received;
        for (int turn = 0; turn < 2000 && received.size() < expected.size(); ++turn) {
            while (!unsent.empty() && page.req_prod - page.req_cons < 1024) {
                page.req[page.req_prod++ % 1024] = unsent.front();
                unsent.erase(0, 1);
            }
            std::array<std::byte, 700> chunk;
            std::size_t const there = ring->look(chunk).value();
            if (killed_here()) continue;
            if (there > 0) {
                store->server.feed(*store->server.find_session(id), std::span{chunk}.first(there));
                if (!killed_here()) ring->pass_input(there);
            }
            store->server.serve(*store->server.find_session(id), 1, Time{std::chrono::seconds{1}});
            killed_here();
            Session& session = *store->server.find_session(id);
            if (!session.output.empty()) {
                std::size_t const put = ring->put(session.output.front()).value();
                if (killed_here()) continue;
                store->server.took(*store->server.find_session(id), put);
                if (!killed_here()) ring->pass_output(put);
            }
            for (; page.rsp_cons != page.rsp_prod; ++page.rsp_cons) received += page.rsp[page.rsp_cons % 1024];
        }
        ASSERT_EQ(received, expected) << "seed " << seed;
        EXPECT_GT(kills, 0);
    }
}

namespace {
struct Fatal : std::runtime_error {
    Fatal() : std::runtime_error{"this ends the process"} {}
};

class FatalPlatform final : public FakePlatform {
public:
    DomainState state_of(Domid domid) override {
        if (domid == 66) throw Fatal{};
        return FakePlatform::state_of(domid);
    }
};
}  // namespace

TEST(Journal, ARequestThatEndsEveryServerIsLeftOutAfterAFew) {
    Kept kept;
    FatalPlatform platform;
    std::string const request = encode(MessageType::set_perms, 1, 0, "/tool\0n66"_z);
    {
        Server server{platform};
        server.keep_in(kept.journal);
        Session& bad = server.open_socket_session(1);
        server.open_socket_session(2);
        server.feed(bad, std::as_bytes(std::span{request}));
        EXPECT_THROW(server.serve(bad, 1, {}), Fatal);
    }
    for (int i = 0; i < 3; ++i) {
        Server server{platform};
        EXPECT_THROW(server.keep_in(kept.journal), Fatal);
    }
    for (int i = 0; i < 2; ++i) {
        Server server{platform};
        server.keep_in(kept.journal);
        EXPECT_TRUE(server.find_session(1)->dead);
        EXPECT_FALSE(server.find_session(2)->dead);
        EXPECT_EQ(Client(server, *server.find_session(2)).read("/tool"), "");
    }
}
}  // namespace paravane::xenstored
