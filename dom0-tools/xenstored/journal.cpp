// SPDX-License-Identifier: MIT
#include "journal.hpp"

#include <cstring>
#include <new>

#include "portable/base/shared.hpp"

namespace paravane::xenstored {
namespace {
using RecordSize = std::uint32_t;  // the size of a record
}  // namespace

Journal::Journal(std::span<std::byte> memory, Forget forget, std::size_t enough_log)
    : memory_{memory},
      header_{*reinterpret_cast<Header*>(memory.data())},
      forget_{std::move(forget)},
      enough_log_{enough_log} {}

std::span<std::byte> Journal::half(std::uint64_t which) const {
    std::size_t size = (memory_.size() - header_size) / 2;
    return memory_.subspan(header_size + which * size, size);
}

std::string_view Journal::snapshot() const { return {bytes(), active().snapshot}; }
std::string_view Journal::log() const { return {bytes() + active().snapshot, active().end - active().snapshot}; }
std::uint64_t Journal::end() const { return active().end; }

void Journal::append(std::string_view record) {
    Half& at = active();
    if (record.size() + sizeof(RecordSize) > half(header_.active).size() - at.end) throw std::bad_alloc{};
    auto size = static_cast<RecordSize>(record.size());
    std::memcpy(bytes() + at.end, &size, sizeof size);
    std::memcpy(bytes() + at.end + sizeof size, record.data(), record.size());
    hv::store_release(at.end, at.end + sizeof size + record.size());  // from here on it is there
}

void Journal::start_anew(std::string_view snapshot) {
    bool const fresh = is_fresh();
    std::uint64_t const old = header_.active;
    std::uint64_t const other = fresh ? 0 : 1 - old;
    if (snapshot.size() > half(other).size()) throw std::bad_alloc{};
    std::memcpy(half(other).data(), snapshot.data(), snapshot.size());
    header_.halves[other] = {snapshot.size(), snapshot.size()};
    hv::store_release(header_.witness.kind, Witness::Kind::none);
    header_.doing = header_.fatal = header_.ends = 0;
    hv::store_release(header_.active, other);  // from here on it is there
    hv::store_release(header_.magic, magic);
    if (!fresh && forget_) forget_(half(old));
}

std::optional<std::string_view> Journal::take_record(std::string_view& log) {
    RecordSize size = 0;
    if (log.size() < sizeof size) return std::nullopt;
    std::memcpy(&size, log.data(), sizeof size);
    if (size > log.size() - sizeof size) return std::nullopt;
    std::string_view record = log.substr(sizeof size, size);
    log.remove_prefix(sizeof size + size);
    return record;
}

mmsghdr* Journal::arm(Witness::Kind kind, std::uint64_t session, std::span<std::byte> bytes) {
    Witness& witness = header_.witness;
    hv::store_release(witness.kind, Witness::Kind::none);
    witness.session = session;
    witness.end = end();
    witness.part = {.iov_base = bytes.data(), .iov_len = bytes.size()};
    witness.message = {};
    witness.message.msg_hdr.msg_iov = &witness.part;
    witness.message.msg_hdr.msg_iovlen = 1;
    hv::store_release(witness.kind, kind);
    return &witness.message;
}

void Journal::count_end() {
    if (header_.doing == 0) return;
    header_.ends = header_.fatal == header_.doing ? header_.ends + 1 : 1;
    header_.fatal = header_.doing;
    header_.doing = 0;
}

std::optional<std::size_t> Journal::witnessed() const {
    Witness const& witness = header_.witness;
    if (witness.kind == Witness::Kind::none || witness.end != end() || witness.message.msg_len == 0)
        return std::nullopt;
    return witness.message.msg_len;
}
}  // namespace paravane::xenstored
