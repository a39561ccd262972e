// SPDX-License-Identifier: MIT
// Devices come to a guest and go, and wherever the daemon is killed meanwhile, the world comes to what is wanted.
#include "reconcile_world.hpp"

namespace test {
namespace {
Story const stories[] = {
    {"a disk is attached", [](Record&) {},
     [](World& w) { change(w, [](Record& r) { r.spec.devices.push_back(disk("data")); }); },
     [](World& w) {
         expect_running(w);
         EXPECT_EQ(w.record(uid).spec.devices.size(), 2u);
     }},
    {"a disk is attached while the store is away", [](Record&) {},
     [](World& w) {
         w.store_answers = false;
         change(w, [](Record& r) { r.spec.devices.push_back(disk("data")); });
         w.settle();
         w.store_answers = true;
     },
     expect_running},
    {"a disk is detached", [](Record&) {},
     [](World& w) { change(w, [](Record& r) { r.leaving["root"] = Leave::asked; }); }, expect_no_device},
    {"one of two disks is detached", [](Record& r) { r.spec.devices.push_back(disk("data")); },
     [](World& w) { change(w, [](Record& r) { r.leaving["data"] = Leave::asked; }); },
     [](World& w) {
         expect_running(w);
         EXPECT_EQ(w.record(uid).spec.devices, std::vector{disk("root")});
     }},
    {"a disk is detached, and its guest keeps it until nobody wants that any more", [](Record&) {},
     [](World& w) {
         w.guests_let_go = false;
         change(w, [](Record& r) { r.leaving["root"] = Leave::asked; });
         w.settle();
         EXPECT_FALSE((w.disks[{w.record(uid).guest.id, "root"}].online)) << "it was not asked";
         change(w, [](Record& r) { r.leaving.clear(); });
     },
     [](World& w) {
         expect_running(w);
         EXPECT_EQ(w.record(uid).spec.devices.size(), 1u);
     }},
    {"a disk is detached, its guest keeps it, another is attached", [](Record&) {},
     [](World& w) {
         w.guests_let_go = false;
         change(w, [](Record& r) { r.leaving["root"] = Leave::asked; });
         w.settle();
         change(w, [](Record& r) { r.spec.devices.push_back(disk("data")); });
     },
     [](World& w) {
         EXPECT_EQ(w.running(), 1);
         EXPECT_TRUE((w.disks[{w.record(uid).guest.id, "data"}].is_served()));
         EXPECT_TRUE((w.disks[{w.record(uid).guest.id, "root"}].process)) << "its guest uses it";
     }},
    {"a disk is taken from a guest that keeps it", [](Record&) {},
     [](World& w) {
         w.guests_let_go = false;
         change(w, [](Record& r) { r.leaving["root"] = Leave::asked; });
         w.settle();
         change(w, [](Record& r) { r.leaving["root"] = Leave::taken; });
     },
     expect_no_device},
    {"a disk is detached from a guest that reboots instead", [](Record&) {},
     [](World& w) {
         w.guests_let_go = false;
         change(w, [](Record& r) { r.leaving["root"] = Leave::asked; });
         w.settle();
         w.end_guest(ShutdownReason::reboot);
     },
     expect_no_device},
    {"a disk is detached from a guest that ends for good", [](Record&) {},
     [](World& w) {
         w.guests_let_go = false;
         change(w, [](Record& r) { r.leaving["root"] = Leave::asked; });
         w.settle();
         w.end_guest(ShutdownReason::poweroff);
     },
     expect_stopped},
};

TEST(ReconcileDevices, ComeAndGoWhereverItIsKilled) {
    for (Story const& story : stories) tell_and_kill(story);
}
}  // namespace
}  // namespace test
