// SPDX-License-Identifier: MIT
#include "cli/exit_code.hpp"

namespace paravane {
namespace {
constexpr ExitCodeText texts[] = {
    {ExitCode::success, "done"},
    {ExitCode::failed, "failed inside the hypervisor or paravaned"},
    {ExitCode::usage, "wrong usage: the command line itself"},
    {ExitCode::not_found, "there is no such domain, operation, device, node"},
    {ExitCode::already_exists, "the name is taken"},
    {ExitCode::invalid, "a bad domain file or argument"},
    {ExitCode::wrong_state, "the object's state, its kernel, or who manages it does not allow it"},
    {ExitCode::no_resources, "not enough memory or another resource"},
    {ExitCode::timed_out, "not in time"},
    {ExitCode::unreachable, "paravaned or xenstored does not answer, or ended meanwhile"},
    {ExitCode::differs, "diff: there are differences"},
    {ExitCode::not_allowed, "this user may not do it"},
    {ExitCode::overtaken, "cancelled, or another change came between: read again, and repeat"},
    {ExitCode::unsupported, "this host does not have it"},
    {ExitCode::output_lost, "the output could not be written"},
};
}  // namespace

std::span<ExitCodeText const> exit_code_texts() { return texts; }
}  // namespace paravane
