// SPDX-License-Identifier: MIT
// What can be explained: fields of domain files, exit codes, reasons of errors.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace paravane {
std::string domain_file_text();  // all fields, a line each
std::string exit_codes_text();
std::vector<std::string> topics();
std::string explain(std::string_view topic);  // empty: there is nothing of that name

struct FieldText {
    std::string_view path;  // "back_off.limit"
    std::string_view text;
};
// The text of a field; empty if there is none.
std::string_view text_of_field(std::string_view path);
}  // namespace paravane
