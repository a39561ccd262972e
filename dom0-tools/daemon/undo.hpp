// SPDX-License-Identifier: MIT
// What has to be taken back if a later step fails, last first.
#pragma once
#include <functional>
#include <utility>
#include <vector>

namespace paravane {
class Undo {
public:
    Undo() = default;
    Undo(Undo const&) = delete;
    Undo& operator=(Undo const&) = delete;
    ~Undo() {
        while (!steps_.empty()) {
            steps_.back()();
            steps_.pop_back();
        }
    }

    void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
    void commit() { steps_.clear(); }

private:
    std::vector<std::function<void()>> steps_;
};
}  // namespace paravane
