// SPDX-License-Identifier: MIT
// Makes a guest in the hypervisor, or leaves nothing of it. Takes as long as who chose its files likes, within the
// limits of the reader: for threads that have nothing else to do.
#pragma once
#include <mutex>
#include <stop_token>

#include "daemon/record.hpp"
#include "hypercall/hypervisor.hpp"
#include "kernel/image_reader.hpp"

namespace paravane {
class GuestMaker {
public:
    GuestMaker(Hypervisor& hypervisor, ImageSettings const& images)
        : hypervisor_{hypervisor}, images_{images, images.most_at_once}, trials_{images, images.most_trials} {}

    // Whoever stops it gets an error of the kind `cancelled`.
    Result<GuestPlace> make(Record const& record, std::stop_token const& stop);
    // Whether its files can be used: reads them. Takes no place of a guest that is to be made.
    Result<> check_files(DomainSpec const& spec, std::stop_token const& stop);

    // Memory of guests that are about to be made.
    std::uint64_t claimed() const;

private:
    class Claim;

    Hypervisor& hypervisor_;
    ImageReader images_, trials_;
    mutable std::mutex mutex_;
    std::uint64_t claimed_ = 0;  // of the host
};
}  // namespace paravane
