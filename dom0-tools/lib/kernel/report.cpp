// SPDX-License-Identifier: MIT
#include "kernel/report.hpp"

#include <algorithm>
#include <iterator>

namespace paravane {
namespace {
// Words out of somebody's file go to terminals and logs.
std::string clean(char const (&text)[sizeof(ImageReport::reason)]) {
    std::string words{std::begin(text), std::find(std::begin(text), std::end(text), '\0')};
    std::ranges::replace_if(
        words, [](char c) { return c < ' ' || c > '~'; }, '?');
    return words.empty() ? "it was refused without a reason" : words;
}

Error nonsense(char const* why) { return Error{"pvunpack's report", why}; }

Error read_refusal(ImageReport const& report, ImageFiles const& files) {
    auto const part = static_cast<ImagePart>(report.part);
    auto const kind = static_cast<ErrorKind>(report.kind);
    if (part > ImagePart::initrd) return nonsense("it speaks of no file that it was given");
    if (report.kind > 0xff ||
        (kind != ErrorKind::precondition && kind != ErrorKind::exhausted && kind != ErrorKind::internal))
        return nonsense("it gives a reason of no kind");
    std::string step = part == ImagePart::kernel   ? "kernel " + files.kernel
                       : part == ImagePart::initrd ? "initrd " + files.initrd
                                                   : "pvunpack";
    return Error{std::move(step), clean(report.reason), kind};
}
}  // namespace

ImageReport report_of(hv::pv::KernelImage const& image) {
    ImageReport report;
    report.segment_count = image.segment_count;
    for (std::uint32_t i = 0; i < image.segment_count; ++i) {
        hv::pv::Segment const& segment = image.segments[i];
        std::uint64_t const numbers[] = {segment.address, segment.memory_size, segment.offset, segment.file_size};
        std::ranges::copy(numbers, report.segments[i]);
    }
    report.virt_base = image.virt_base;
    report.entry = image.entry;
    report.hypercall_page = image.hypercall_page.value_or(0);
    report.init_p2m = image.init_p2m.value_or(0);
    report.flags = (image.hypercall_page ? ImageReport::has_hypercall_page : 0) |
                   (image.init_p2m ? ImageReport::has_init_p2m : 0) |
                   (image.initrd_by_pfn ? ImageReport::initrd_by_pfn : 0);
    return report;
}

ImageReport report_of(Error const& error, ImagePart part) {
    ImageReport report;
    report.refused = 1;
    report.part = static_cast<std::uint32_t>(part);
    report.kind = static_cast<std::uint32_t>(error.kind);
    error.message().copy(report.reason, sizeof report.reason);
    return report;
}

Result<hv::pv::KernelImage> read_report(ImageReport const& report, ImageFiles const& files, std::uint64_t elf_size) {
    if (report.magic != ImageReport::right_magic || report.refused > 1) return nonsense("it is none");
    if (report.refused == 1) return read_refusal(report, files);
    if (report.flags >= ImageReport::initrd_by_pfn * 2) return nonsense("it has flags that nobody knows");
    if (report.segment_count == 0 || report.segment_count > hv::pv::max_elf_segments)
        return nonsense("it has no segments, or too many");
    hv::pv::KernelImage image;
    image.segment_count = report.segment_count;
    for (std::uint32_t i = 0; i < image.segment_count; ++i) {
        auto const& [address, memory_size, offset, file_size] = report.segments[i];
        image.segments[i] = {address, memory_size, offset, file_size};
    }
    image.virt_base = report.virt_base;
    image.start = image.loads().front().address;
    image.end = image.loads().back().end();
    image.entry = report.entry;
    if ((report.flags & ImageReport::has_hypercall_page) != 0) image.hypercall_page = report.hypercall_page;
    if ((report.flags & ImageReport::has_init_p2m) != 0) image.init_p2m = report.init_p2m;
    image.initrd_by_pfn = (report.flags & ImageReport::initrd_by_pfn) != 0;
    if (hv::pv::Complaint why = hv::pv::check_image(image, elf_size)) return nonsense(why);
    return image;
}
}  // namespace paravane
