// SPDX-License-Identifier: MIT
// A set of changes on top of a snapshot. A request outside a transaction is one of its own, committed at once; a
// client's transaction also keeps what it looked at, and conflicts if any of that has changed when it is to be
// committed.
#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "quota.hpp"
#include "snapshots.hpp"
#include "store.hpp"
#include "watch.hpp"

namespace paravane::xenstored {
enum class Tracking : std::uint8_t { off, on };

// A change for the watches to hear of, with the permissions before it: who could read a node may hear that it went
// away.
struct Change {
    std::string path;
    Scope scope;
    PermissionsRef before;
    PermissionsRef parent_before;
};

class Transaction {
public:
    Transaction(NodeRef base, Generation started, Tracking tracking)
        : base_{base}, root_{std::move(base)}, started_{started}, tracking_{tracking} {}
    explicit Transaction(Reader& from);  // as it was saved, but for its place among the snapshots
    ~Transaction() { leave_snapshots(); }
    void save(Writer& to) const;
    Transaction(Transaction const&) = delete;
    Transaction& operator=(Transaction const&) = delete;

    NodeRef const* find(std::string_view path);

    // All that could forbid it is checked by the caller; paths are valid, and exist unless they are to be created.
    void write(std::string_view path, std::string_view value, Generation generation);
    void set_permissions(std::string_view path, PermissionsRef permissions, Generation generation);
    // With all nodes that are missing between `ancestor`, which exists, and `path`.
    void create(std::string_view path, std::string_view ancestor, std::string_view value, PermissionsRef permissions,
                Generation generation);
    void remove(std::string_view path, Generation generation);

    bool conflicts_with(NodeRef const& current) const;
    // The current tree with these changes, which must not conflict. Every changed node takes `generation`.
    NodeRef merged_into(NodeRef const& current, Generation generation) const;

    bool has_changes() const { return !changes_.empty(); }
    std::vector<Change> const& changes() const { return changes_; }
    std::map<Domid, Usage> const& usage() const { return usage_; }
    Usage usage_of(Domid domid) const;
    std::size_t touched() const { return touched_.size(); }
    std::size_t memory() const { return memory_; }  // held for the client that made it
    Generation started() const { return started_; }
    // How many nodes were made, changed or removed, and how many bytes of the old tree that leaves behind.
    std::size_t work() const { return work_; }
    std::size_t modified() const { return modified_.size(); }
    std::size_t replaced() const { return replaced_; }

    // A transaction over its quota goes on but cannot be committed.
    void fail() { failed_ = true; }
    bool has_failed() const { return failed_; }

    // Gives the snapshot back: from now on the transaction can only end, and that in a conflict.
    void doom();
    bool is_doomed() const { return base_ == nullptr; }

    // Its place among the snapshots that domains keep.
    struct Snapshot {
        Snapshots* among = nullptr;
        std::uint64_t order = 0;
        std::size_t replaced_before = 0;
    };
    void become_snapshot(Snapshots& among, std::uint64_t order, std::size_t replaced_before) {
        snapshot_ = {&among, order, replaced_before};
    }
    Snapshot const& snapshot() const { return snapshot_; }

private:
    void leave_snapshots();
    void remove_below(std::string const& path, NodeRef const& node, NodeRef const& parent, Scope scope);
    void touch(std::string_view path);
    void mark_modified(std::string_view path);
    void note(std::string_view path, Scope scope, NodeRef const* before, NodeRef const* parent_before);
    void account(Node const& node, std::string_view path, int sign);
    void count_work(std::string_view path);
    void replace(std::string_view path, NodeRef const& old, NodeRef changed, Generation generation);

    NodeRef base_;
    NodeRef root_;
    Generation started_ = 0;
    Tracking tracking_ = Tracking::off;
    bool failed_ = false;
    std::size_t memory_ = 0;
    std::size_t work_ = 0;
    std::size_t replaced_ = 0;
    Snapshot snapshot_;
    std::unordered_set<std::string> touched_;
    std::set<std::string, std::less<>> modified_;  // in this order a node comes before its children
    std::vector<Change> changes_;
    std::unordered_map<std::string, std::size_t> change_at_;  // only when tracking
    std::map<Domid, Usage> usage_;
};
}  // namespace paravane::xenstored
