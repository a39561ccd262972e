// SPDX-License-Identifier: MIT
// A hostile guest's bytes through the codec and the whole store, next to a client of dom0 and under small limits. The
// input is the stream; every piece of it may go through the ring in its own time. Nothing may crash, hang or be charged
// wrongly.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "../unit/xenstored/test_store.hpp"

using namespace paravane::xenstored;

namespace {

// Mutations rarely hit a length field that fits: the fuzzer says type, transaction and payload length in a byte each.
std::string frame(std::uint8_t type, std::uint8_t transaction, std::string_view payload) {
    return encode(static_cast<MessageType>(type), 0, transaction, payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) return 0;
    TestStore store{
        {.nodes = 20, .watches = 4, .transactions = 3, .transaction_nodes = 40, .memory = 30000, .node_size = 400}};
    Client tools = store.socket();
    Client guest = store.domain(1);
    store.platform.states[2] = DomainState::running;
    tools.watch("/", "root");
    bool raw = data[0] & 1;
    std::string_view input{reinterpret_cast<char const*>(data + 1), size - 1};
    while (!input.empty()) {
        bool privileged = false;
        std::string bytes;
        if (raw) {
            bytes = input.substr(0, 700);
            input.remove_prefix(bytes.size());
        } else {
            if (input.size() < 3) break;
            auto type = static_cast<std::uint8_t>(input[0]);
            privileged = type & 0x80;
            auto transaction = static_cast<std::uint8_t>(input[1] & 3);
            std::string_view payload = input.substr(3, static_cast<std::uint8_t>(input[2]));
            bytes = frame(type & 0x1f, transaction, payload);
            input.remove_prefix(3 + payload.size());
        }
        // The guest's session may have been released by the client of dom0.
        Domain const* domain = store.server.find_domain(1);
        if (domain == nullptr || domain->session == nullptr) break;
        Session& session = privileged ? tools.session() : *domain->session;
        session.input.feed(std::as_bytes(std::span{bytes}));
        while (store.server.serve(session, 4, tools.now)) session.output.clear();
        if (data[0] & 2) session.output.clear();
        if (session.output.bytes() > 200000) std::abort();
        if (data[0] & 4) {
            store.platform.states[1] = DomainState::dying;
            store.server.check_domains();
        }
        if (tools.session().dead) break;
    }
    if (store.server.audit()) std::abort();
    return 0;
}
