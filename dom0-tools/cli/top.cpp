// SPDX-License-Identifier: MIT
// top: who uses how much of the machine, again and again.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "cli/actions.hpp"
#include "cli/document.hpp"
#include "cli/lists.hpp"
#include "cli/render.hpp"
#include "cli/terminal_mode.hpp"

namespace paravane {
namespace {
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

struct Sample {
    v1::Domain domain;
    double cpu = 0;  // of one CPU, in percent, since the sample before
};

class Sampler {
public:
    // By their use of the CPU, the most first.
    std::vector<Sample> take(v1::ListDomainsResponse const& domains) {
        auto const now = steady_clock::now();
        double const passed = std::chrono::duration<double, std::nano>(now - last_).count();
        std::map<std::string, nanoseconds> used;
        std::vector<Sample> samples;
        for (v1::Domain const& domain : domains.domains()) {
            std::string const key = domain.metadata().uid() + "/" + std::to_string(domain.status().id());
            nanoseconds const cpu = from_message(domain.status().cpu_time());
            auto const before = used_.find(key);
            // Of one that is seen for the first time: over its life.
            double const life =
                domain.status().has_start_time() ? static_cast<double>(since(domain.status().start_time()).count()) : 0;
            bool const is_new = before == used_.end();
            double const span = is_new ? life : passed;
            double const share =
                span <= 0 ? 0 : static_cast<double>((is_new ? cpu : cpu - before->second).count()) / span * 100;
            used[key] = cpu;
            samples.push_back({domain, std::max(share, 0.0)});
        }
        used_ = std::move(used);
        last_ = now;
        std::ranges::stable_sort(samples, [](Sample const& a, Sample const& b) { return a.cpu > b.cpu; });
        return samples;
    }

private:
    std::map<std::string, nanoseconds> used_;
    steady_clock::time_point last_{};
};

std::string percent(double value) {
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), "%.1f", value);
    return text.data();
}

std::string json_string(std::string const& text) {
    // A name is printable and of few characters; still nothing of it may end the string.
    std::string result = "\"";
    for (char c : printable(text)) result += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
    return result + "\"";
}

// One line: {"time": …, "domains": [{"name", "uid", "id", "state", "cpu_percent", "cpu_seconds", "memory", "vcpus"}]}
std::string json_line(std::vector<Sample> const& samples) {
    std::string text = "{\"time\":\"" + format_time(*parse_time("0")) + "\",\"domains\":[";
    for (Sample const& sample : samples) {
        v1::DomainStatus const& status = sample.domain.status();
        std::array<char, 32> seconds;
        std::snprintf(seconds.data(), seconds.size(), "%.3f",
                      static_cast<double>(from_message(status.cpu_time()).count()) / 1e9);
        text += (text.ends_with('[') ? "" : ",") + std::string{"{\"name\":"} +
                json_string(sample.domain.metadata().name()) +
                ",\"uid\":" + json_string(sample.domain.metadata().uid()) +
                ",\"id\":" + (status.has_id() ? std::to_string(status.id()) : "null") + ",\"state\":\"" +
                state_of(sample.domain) + "\",\"cpu_percent\":" + percent(sample.cpu) +
                ",\"cpu_seconds\":" + seconds.data() + ",\"memory\":" + std::to_string(status.memory()) +
                ",\"vcpus\":" + std::to_string(status.vcpus()) + "}";
    }
    return text + "]}\n";
}

std::string text_table(Session& session, std::vector<Sample> const& samples) {
    std::vector<Row> rows{{"ID", "NAME", "STATE", "CPU%", "CPU", "MEMORY", "VCPUS", "RESTARTS"}};
    std::vector<v1::Domain> domains;
    for (Sample const& sample : samples) {
        Row const row = domain_row(sample.domain, false);
        rows.push_back({row[0], row[1], row[2], percent(sample.cpu), row[5], row[3], row[4],
                        std::to_string(sample.domain.status().restarts())});
        domains.push_back(sample.domain);
    }
    return table(rows, paint_states(session.output(), domains));
}

// Sleeps; on a terminal until a key says that it is enough.
bool wait_or_quit(nanoseconds pause, bool live) {
    auto const until = steady_clock::now() + pause;
    for (;;) {
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now()).count();
        if (left <= 0) return false;
        pollfd key{.fd = live ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
        pollfd waiting[] = {key, {.fd = STDOUT_FILENO, .events = 0, .revents = 0}};
        if (poll(waiting, 2, static_cast<int>(std::min<long>(left, 60000))) <= 0) continue;
        if (waiting[1].revents != 0) return true;
        char typed = 0;
        if (read(STDIN_FILENO, &typed, 1) <= 0 || typed == 'q' || typed == 3) return true;
    }
}
}  // namespace

ExitCode run_top(Session& session) {
    Line const& line = session.line();
    bool const live =
        !line.has("batch") && session.is_text() && session.output().is_terminal() && isatty(STDIN_FILENO) == 1;
    nanoseconds const pause = std::max<nanoseconds>(line.duration("interval").value_or(std::chrono::seconds{2}),
                                                    std::chrono::milliseconds{100});
    std::uint64_t const most = line.count("count").value_or(0);
    Sampler sampler;
    std::optional<TerminalMode> raw;
    if (live) raw.emplace(TerminalMode::Kind::raw);
    for (std::uint64_t round = 0;; ++round) {
        v1::ListDomainsResponse domains;
        grpc::Status const status = list_domains(session, line.text("selector"), domains);
        if (!status.ok()) {
            raw.reset();
            return session.fail(status, "top");
        }
        std::vector<Sample> const samples = sampler.take(domains);
        if (!session.is_text()) session.output().write(json_line(samples));
        else if (live) session.output().write("\x1b[H\x1b[2J" + text_table(session, samples) + "\nq leaves\n");
        else session.output().write((round == 0 ? "" : "\n") + text_table(session, samples));
        if (session.output().is_broken()) return ExitCode::output_lost;
        if (most != 0 && round + 1 == most) return ExitCode::success;
        if (wait_or_quit(pause, live)) return live ? ExitCode::success : ExitCode::output_lost;
    }
}
}  // namespace paravane
