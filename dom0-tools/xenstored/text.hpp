// SPDX-License-Identifier: MIT
// Text that versions of the store share: a copy is a pointer, whatever its length.
#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace paravane::xenstored {
class Text {
public:
    Text() = default;
    Text(std::string text) : text_{text.empty() ? nullptr : std::make_shared<std::string const>(std::move(text))} {}
    explicit Text(std::string_view text) : Text{std::string{text}} {}
    explicit Text(std::shared_ptr<std::string const> text) : text_{std::move(text)} {}

    std::string_view view() const { return text_ == nullptr ? std::string_view{} : std::string_view{*text_}; }
    operator std::string_view() const { return view(); }
    std::size_t size() const { return view().size(); }
    void const* identity() const { return text_.get(); }  // of all that share it; null when empty
    friend bool operator==(Text const& text, std::string_view other) { return text.view() == other; }

private:
    std::shared_ptr<std::string const> text_;
};
}  // namespace paravane::xenstored
