// SPDX-License-Identifier: MIT
#include "ring.hpp"

namespace paravane::xenstored {
namespace xs = abi::io::xs;

Ring::Ring(RingPage& page)
    : page_{page}, requests_{page.req, page.req_prod, page.req_cons}, replies_{page.rsp, page.rsp_prod, page.rsp_cons} {
    hv::store_release(page_.server_features, xs::feature_error);
    report(RingError::none);
}

void Ring::restart() {
    requests_.restart();
    hv::store_release(page_.req_prod, 0);
    hv::store_release(page_.rsp_cons, 0);
    replies_.restart();
    report(RingError::none);
}

void Ring::go_on_at(RingPlace place) {
    requests_.move_to(place.requests);
    replies_.move_to(place.replies);
}

std::optional<std::size_t> Ring::look(std::span<std::byte> into) const {
    return requests_.copy({reinterpret_cast<char*>(into.data()), into.size()});
}

std::optional<std::size_t> Ring::put(std::span<std::byte const> from) {
    return replies_.copy({reinterpret_cast<char const*>(from.data()), from.size()});
}

void Ring::report(RingError error) { hv::store_release(page_.error, error); }

bool Ring::complete_reconnect() {
    if (hv::load_acquire(page_.connection) != xs::reconnect) return false;
    hv::store_release(page_.connection, xs::connected);
    return true;
}
}  // namespace paravane::xenstored
