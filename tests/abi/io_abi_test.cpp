// SPDX-License-Identifier: MIT
#include "public/io/console.hpp"
#include "public/io/xenbus.hpp"
#include "public/io/xs_wire.hpp"

#include <gtest/gtest.h>

#include <xen/io/console.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>
#include <xen/xen.h>

#include "compare.hpp"

TEST(AbiIo, XenbusStatesAreXens) {
    SAME_VALUE(abi::io::XenbusState::unknown, XenbusStateUnknown);
    SAME_VALUE(abi::io::XenbusState::initialising, XenbusStateInitialising);
    SAME_VALUE(abi::io::XenbusState::init_wait, XenbusStateInitWait);
    SAME_VALUE(abi::io::XenbusState::initialised, XenbusStateInitialised);
    SAME_VALUE(abi::io::XenbusState::connected, XenbusStateConnected);
    SAME_VALUE(abi::io::XenbusState::closing, XenbusStateClosing);
    SAME_VALUE(abi::io::XenbusState::closed, XenbusStateClosed);
    SAME_VALUE(abi::io::XenbusState::reconfiguring, XenbusStateReconfiguring);
    SAME_VALUE(abi::io::XenbusState::reconfigured, XenbusStateReconfigured);
}

TEST(AbiIo, XenstoreProtocolIsXens) {
    SAME(abi::io::XsdSockmsg, xsd_sockmsg, type, req_id, tx_id, len)
    SAME(abi::io::XenstoreDomainInterface, xenstore_domain_interface, req, rsp, req_cons, req_prod, rsp_cons, rsp_prod,
         server_features, connection, error)
    SAME_VALUE(abi::io::xs::control, XS_CONTROL);
    SAME_VALUE(abi::io::xs::directory, XS_DIRECTORY);
    SAME_VALUE(abi::io::xs::read, XS_READ);
    SAME_VALUE(abi::io::xs::get_perms, XS_GET_PERMS);
    SAME_VALUE(abi::io::xs::watch, XS_WATCH);
    SAME_VALUE(abi::io::xs::unwatch, XS_UNWATCH);
    SAME_VALUE(abi::io::xs::transaction_start, XS_TRANSACTION_START);
    SAME_VALUE(abi::io::xs::transaction_end, XS_TRANSACTION_END);
    SAME_VALUE(abi::io::xs::introduce, XS_INTRODUCE);
    SAME_VALUE(abi::io::xs::release, XS_RELEASE);
    SAME_VALUE(abi::io::xs::get_domain_path, XS_GET_DOMAIN_PATH);
    SAME_VALUE(abi::io::xs::write, XS_WRITE);
    SAME_VALUE(abi::io::xs::mkdir, XS_MKDIR);
    SAME_VALUE(abi::io::xs::rm, XS_RM);
    SAME_VALUE(abi::io::xs::set_perms, XS_SET_PERMS);
    SAME_VALUE(abi::io::xs::watch_event, XS_WATCH_EVENT);
    SAME_VALUE(abi::io::xs::error, XS_ERROR);
    SAME_VALUE(abi::io::xs::is_domain_introduced, XS_IS_DOMAIN_INTRODUCED);
    SAME_VALUE(abi::io::xs::resume, XS_RESUME);
    SAME_VALUE(abi::io::xs::set_target, XS_SET_TARGET);
    SAME_VALUE(abi::io::xs::reset_watches, XS_RESET_WATCHES);
    SAME_VALUE(abi::io::xs::directory_part, XS_DIRECTORY_PART);
    SAME_VALUE(abi::io::xs::type_count, XS_TYPE_COUNT);
    SAME_VALUE(abi::io::xs::invalid, XS_INVALID);
    SAME_VALUE(abi::io::xs::payload_max, XENSTORE_PAYLOAD_MAX);
    SAME_VALUE(abi::io::xs::abs_path_max, XENSTORE_ABS_PATH_MAX);
    SAME_VALUE(abi::io::xs::rel_path_max, XENSTORE_REL_PATH_MAX);
    SAME_VALUE(abi::io::xs::watch_path, XS_WATCH_PATH);
    SAME_VALUE(abi::io::xs::watch_token, XS_WATCH_TOKEN);
    SAME_VALUE(abi::io::xs::feature_reconnection, XENSTORE_SERVER_FEATURE_RECONNECTION);
    SAME_VALUE(abi::io::xs::feature_error, XENSTORE_SERVER_FEATURE_ERROR);
    SAME_VALUE(abi::io::xs::connected, XENSTORE_CONNECTED);
    SAME_VALUE(abi::io::xs::reconnect, XENSTORE_RECONNECT);
    SAME_VALUE(abi::io::xs::comm, XENSTORE_ERROR_COMM);
    SAME_VALUE(abi::io::xs::ridx, XENSTORE_ERROR_RINGIDX);
    SAME_VALUE(abi::io::xs::proto, XENSTORE_ERROR_PROTO);
}

TEST(AbiIo, ConsoleRingIsXens) {
    SAME_SIZE(abi::io::ConsoleRing, xencons_interface)
    SAME_MEMBER(abi::io::ConsoleRing, xencons_interface, in)
    SAME_MEMBER(abi::io::ConsoleRing, xencons_interface, out)
    SAME_MEMBER(abi::io::ConsoleRing, xencons_interface, in_cons)
    SAME_MEMBER(abi::io::ConsoleRing, xencons_interface, in_prod)
    SAME_MEMBER(abi::io::ConsoleRing, xencons_interface, out_cons)
    SAME_MEMBER(abi::io::ConsoleRing, xencons_interface, out_prod)
}
