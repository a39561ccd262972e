// SPDX-License-Identifier: MIT
#include "runtime/user.hpp"

#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"
#include "runtime/shutdown.hpp"

extern "C" {
void user_enter(guest::TrapFrame const* frame, guest::u64* resume_rsp);
[[noreturn]] void user_leave(guest::u64 resume_rsp);
}

namespace guest {
namespace {
struct Run {
    u64 resume_rsp;
    TrapFrame* frame;
};
constinit Run* current_run = nullptr;

constexpr u64 user_rflags = 0x202;

i64 load_user_root(Mfn root) {
    abi::MmuextOp op{};
    op.cmd = abi::mmuext::new_user_baseptr;
    op.arg1.mfn = root;
    return mmuext_op(&op, 1);
}
}  // namespace

UserSpace::UserSpace() : root_{page_table::make_table(4)} {}

UserSpace::~UserSpace() {
    (void)load_user_root(Mfn{0});
    page_table::drop_tree(root_);
}

bool UserSpace::map(u64 address, Mfn frame, u64 flags) {
    return page_table::map(root_, address, page_table::entry(frame, flags | pte::user));
}

bool UserSpace::unmap(u64 address) { return page_table::clear(root_, address); }

bool UserSpace::activate() { return load_user_root(root_) == 0; }

void UserSpace::run(TrapFrame& frame) {
    Run run{.resume_rsp = 0, .frame = &frame};
    current_run = &run;
    user_enter(&frame, &run.resume_rsp);
    current_run = nullptr;
}

TrapFrame user_frame(u64 rip, u64 rsp) {
    TrapFrame frame{};
    frame.rip = rip;
    frame.cs = abi::selector::flat_cs64;
    frame.rflags = user_rflags;
    frame.rsp = rsp;
    frame.ss = abi::selector::flat_ss;
    return frame;
}

void user_trapped(TrapFrame const& frame) {
    if (current_run != nullptr) {
        *current_run->frame = frame;
        user_leave(current_run->resume_rsp);
    }
}
}  // namespace guest
