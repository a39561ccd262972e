// SPDX-License-Identifier: MIT
// The store of FakeDom0. Nodes come and go at once: transactions are what xenstored's own tests are about.
#include <algorithm>
#include <thread>

#include "fake_dom0.hpp"
#include "xenstore/client.hpp"

namespace paravane {
namespace {
using test::FakeDom0;

// Runs `action` on the nodes unless this request is the one to fail.
template <class Action>
auto with_nodes(std::string_view step, Action action) -> Result<decltype(action(FakeDom0::the().nodes))> {
    FakeDom0& dom0 = FakeDom0::the();
    std::scoped_lock lock{dom0.mutex};
    if (dom0.store_is_away) return Error{std::string{step}, "no answer", ErrorKind::unavailable, ECONNRESET};
    if (dom0.refuse_request.is_due()) return Error::from_errno(std::string{step}, dom0.refuse_request.code);
    return action(dom0.nodes);
}
}  // namespace

Result<XenstoreClient> XenstoreClient::connect() {
    TRY(with_nodes("connect to xenstored", [](auto&) { return Unit{}; }));
    return XenstoreClient{OwnedFd{}};
}

Result<std::optional<std::string>> XenstoreClient::read_if_there(std::string_view path) {
    return with_nodes("read " + std::string{path}, [&](auto& nodes) -> std::optional<std::string> {
        auto found = nodes.find(path);
        if (found == nodes.end()) return std::nullopt;
        return found->second;
    });
}

Result<std::string> XenstoreClient::read(std::string_view path) {
    std::optional<std::string> text = TRY(read_if_there(path));
    if (!text) return Error::from_errno("read " + std::string{path}, ENOENT).as(ErrorKind::not_found);
    return *std::move(text);
}

Result<std::vector<std::string>> XenstoreClient::list(std::string_view path) {
    return with_nodes("list " + std::string{path}, [&](auto& nodes) {
        std::string const folder = std::string{path} + '/';
        std::vector<std::string> children;
        for (auto node = nodes.lower_bound(folder); node != nodes.end() && node->first.starts_with(folder); ++node) {
            std::string child = node->first.substr(folder.size(), node->first.find('/', folder.size()) - folder.size());
            if (children.empty() || children.back() != child) children.push_back(std::move(child));
        }
        return children;
    });
}

Result<> XenstoreClient::write(std::string_view path, std::string_view value) {
    return with_nodes("write " + std::string{path}, [&](auto& nodes) {
        nodes.insert_or_assign(std::string{path}, std::string{value});
        return Unit{};
    });
}

Result<> XenstoreClient::make_directory(std::string_view path) { return write(path, ""); }

Result<> XenstoreClient::remove(std::string_view path) {
    return with_nodes("remove " + std::string{path}, [&](auto& nodes) {
        std::string const below = std::string{path} + '/';
        std::erase_if(nodes, [&](auto const& node) { return node.first == path || node.first.starts_with(below); });
        return Unit{};
    });
}

Result<> XenstoreClient::set_permissions(std::string_view path, std::span<std::string const>) {
    return with_nodes("protect " + std::string{path}, [](auto&) { return Unit{}; });
}

Result<> XenstoreClient::introduce(std::uint16_t domid, std::uint64_t, std::uint32_t) {
    return with_nodes("introduce domain " + std::to_string(domid), [](auto&) { return Unit{}; });
}

Result<bool> XenstoreClient::is_introduced(std::uint16_t domid) {
    return with_nodes("ask about domain " + std::to_string(domid),
                      [&](auto& nodes) { return nodes.contains("/local/domain/" + std::to_string(domid) + "/domid"); });
}

Result<> XenstoreClient::in_transaction(std::function<Result<>(XenstoreClient&)> const& body) { return body(*this); }
Result<> XenstoreClient::watch(std::string_view, std::string_view) { return {}; }

// Nothing is ever heard: who watches has to look by himself now and then.
Result<std::optional<WatchEvent>> XenstoreClient::next_event(std::chrono::milliseconds limit) {
    std::this_thread::sleep_for(std::min(limit, std::chrono::milliseconds{20}));
    if (FakeDom0::the().store_is_away) return Error{"wait", "no answer", ErrorKind::unavailable, ECONNRESET};
    return std::optional<WatchEvent>{};
}
}  // namespace paravane
