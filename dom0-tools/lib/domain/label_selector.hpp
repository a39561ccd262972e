// SPDX-License-Identifier: MIT
// Which labels are meant: "tier=web,zone in (a,b),zone notin (c),old,!new,x!=1". All parts must hold.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "domain/spec.hpp"

namespace paravane {
class LabelSelector {
public:
    static Result<LabelSelector> parse(std::string_view text);  // nothing chooses everything

    bool matches(Labels const& labels) const;

private:
    struct Part {
        std::string key;
        std::vector<std::string> values;  // empty: whether the key is there
        bool wanted = true;
    };
    std::vector<Part> parts_;
};
}  // namespace paravane
