// SPDX-License-Identifier: MIT
#include "cli/suggest.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace paravane {
namespace {
// How many letters must be put in, left out, changed or exchanged with their neighbour.
std::size_t distance(std::string_view one, std::string_view other) {
    std::vector<std::vector<std::size_t>> steps(one.size() + 1, std::vector<std::size_t>(other.size() + 1));
    std::iota(steps[0].begin(), steps[0].end(), std::size_t{0});
    for (std::size_t i = 1; i <= one.size(); ++i) {
        steps[i][0] = i;
        for (std::size_t j = 1; j <= other.size(); ++j) {
            std::size_t const changed = steps[i - 1][j - 1] + (one[i - 1] == other[j - 1] ? 0 : 1);
            steps[i][j] = std::min({steps[i - 1][j] + 1, steps[i][j - 1] + 1, changed});
            if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                steps[i][j] = std::min(steps[i][j], steps[i - 2][j - 2] + 1);
        }
    }
    return steps[one.size()][other.size()];
}
}  // namespace

std::string_view nearest(std::string_view word, std::span<std::string_view const> known) {
    constexpr std::size_t longest = 32;
    if (word.size() > longest) return {};
    std::string_view best;
    std::size_t least = word.size() < 4 ? 2 : 3;  // less than this
    for (std::string_view each : known) {
        std::size_t const steps = distance(word, each);
        if (steps < least) best = each, least = steps;
    }
    return best;
}
}  // namespace paravane
