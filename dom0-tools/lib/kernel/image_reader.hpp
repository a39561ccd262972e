// SPDX-License-Identifier: MIT
// A domain's kernel and initrd, of which neither name nor content is trusted: another program, pvunpack, opens, unpacks
// and checks them as a user of its own and with nothing at hand. Here nothing is read but memory that it has left, and
// its report, both checked. Thread-safe; who reads holds no lock meanwhile.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "kernel/report.hpp"
#include "os/error.hpp"
#include "os/memory_file.hpp"

namespace paravane {
struct ImageLimits {
    std::uint64_t kernel = std::uint64_t{256} << 20;  // its file, and what is unpacked of it
    std::uint64_t initrd = std::uint64_t{512} << 20;
    std::uint64_t memory = std::uint64_t{768} << 20;  // pvunpack's address space, the unpacked kernel included
    std::chrono::seconds time{300};                   // of a processor, and in all
};

struct ImageSettings {
    std::string program;  // pvunpack
    std::string user = "pvunpack";
    std::vector<std::string> folders{"/boot", "/var/lib/paravane/images"};
    ImageLimits limits{};
    unsigned most_at_once = 8;  // and how many results may be held
    unsigned most_trials = 2;   // likewise, of those that only try whether files can be used
};

// So many at a time.
class Places {
public:
    class Held {
    public:
        explicit Held(Places& places) : places_{&places} {}
        Held(Held&& other) noexcept : places_{std::exchange(other.places_, nullptr)} {}
        Held& operator=(Held&&) = delete;
        ~Held() {
            if (places_ != nullptr) places_->leave();
        }

    private:
        Places* places_;
    };

    explicit Places(unsigned count) : free_{count} {}
    // Nothing when time is over, or somebody asks to stop.
    std::optional<Held> take(std::chrono::steady_clock::time_point limit, std::stop_token stop);

private:
    void leave();

    std::mutex mutex_;
    std::condition_variable_any changed_;
    unsigned free_;
};

// Must not outlive the reader.
struct Images {
    Places::Held place;
    SealedMemory elf;
    hv::pv::KernelImage kernel{};
    SealedMemory initrd;
};

class ImageReader {
public:
    explicit ImageReader(ImageSettings settings) : ImageReader{settings, settings.most_at_once} {}
    ImageReader(ImageSettings settings, unsigned places) : settings_{std::move(settings)}, places_{places} {}

    // Within the limit of time; timed_out as well if somebody asks to stop. Of an initrd that has no room in `memory`,
    // that of the domain, nothing is read.
    Result<Images> read(ImageFiles const& files, std::uint64_t memory, std::stop_token stop = {});
    Result<Images> read(ImageFiles const& files, std::stop_token stop = {}) {
        return read(files, settings_.limits.initrd, std::move(stop));
    }

private:
    std::vector<std::string> words_for(ImageFiles const& files, std::uint64_t most_initrd) const;

    ImageSettings settings_;
    Places places_;
};

inline hv::pv::KernelFile kernel_file(std::span<std::byte const> elf) {
    return {reinterpret_cast<std::uint8_t const*>(elf.data()), elf.size()};
}
}  // namespace paravane
