// SPDX-License-Identifier: MIT
#include "transport_ring.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <array>
#include <string_view>

#include "os/owned_fd.hpp"
#include "portable/base/number.hpp"

namespace paravane::xenstored {
namespace {
constexpr char const* page_file = "/proc/xen/xsd_kva";
constexpr char const* port_file = "/proc/xen/xsd_port";
constexpr std::size_t page_size = 4096;

Error with_hint(Error error) {
    error.reason += " (this must be dom0, with xenfs mounted on /proc/xen; use --no-domain-init elsewhere)";
    return error;
}
}  // namespace

Result<KernelPage> KernelPage::map() {
    OwnedFd file{open(page_file, O_RDWR | O_CLOEXEC)};
    if (!file) return with_hint(Error::from_errno(std::string{"open "} + page_file));
    void* data = mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (data == MAP_FAILED) return Error::from_errno(std::string{"map "} + page_file);
    return KernelPage{data};
}

KernelPage::~KernelPage() {
    if (data_ != nullptr) munmap(data_, page_size);
}

Result<std::uint32_t> kernel_store_port() {
    OwnedFd file{open(port_file, O_RDONLY | O_CLOEXEC)};
    if (!file) return with_hint(Error::from_errno(std::string{"open "} + port_file));
    std::array<char, 32> text{};
    ssize_t count = read(file.get(), text.data(), text.size());
    if (count < 0) return Error::from_errno(std::string{"read "} + port_file);
    std::string_view digits{text.data(), static_cast<std::size_t>(count)};
    std::optional<std::uint32_t> port = hv::take_decimal<std::uint32_t>(digits);
    if (!port || *port == 0) return Error{std::string{"read "} + port_file, "there is no port in it"};
    return *port;
}

RingPage& ring_page(MappedPage& page) {
    std::byte* data = std::visit([](auto const& mapped) { return mapped.data(); }, page);
    return *reinterpret_cast<RingPage*>(data);
}
}  // namespace paravane::xenstored
