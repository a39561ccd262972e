// SPDX-License-Identifier: MIT
// The table of commands. What stands here is parsed, shown by --help, completed by shells and written into the manual.
#include "cli/actions.hpp"
#include "cli/command.hpp"

namespace paravane {
namespace {
using enum WordKind;

constexpr OptionSpec common[] = {
    {"host", 0, host, "HOST", "Where paravaned listens: the path of its socket, or NAME:PORT"},
    {"socket", 0, host, "PATH", "The same, for a path"},
    {"plaintext", 0, flag, "", "Speak to NAME:PORT without encryption; nothing else is there yet"},
    {"output", 'o', format, "FORMAT", "table, wide, json, yaml or name, as far as the command has them"},
    {"color", 0, color, "WHEN", "auto (on a terminal, without NO_COLOR), always or never"},
    {"timeout", 't', duration, "TIME", "Give up after so long: what can be taken back is taken back"},
    {"retry", 0, duration, "TIME", "Repeat for so long what nobody answers, with the same request id"},
    {"help", 'h', flag, "", "Show this"},
    {"version", 0, flag, "", "Show the version"},
};
constexpr OptionSpec changes[] = {
    {"dry-run", 0, flag, "", "Let the host check everything, and change nothing"},
    {"wait", 'w', flag, "", "Wait until it is done (all but shutdown and reboot do so anyway)"},
    {"no-wait", 0, flag, "", "Do not wait: it is written down and goes on"},
    {"request-id", 0, token, "ID", "Of the same id a second request does nothing; by default one is made up"},
    {"manager", 0, token, "NAME", "Who asks, for objects that are managed by somebody"},
    {"override-manager", 0, flag, "", "Do it to what somebody else manages all the same"},
};
constexpr OptionSpec targets[] = {
    {"selector", 'l', selector, "LABELS", "All domains with these labels: tier=web,zone in (a,b),!old"},
    {"all", 0, flag, "", "All domains but dom0"},
};
constexpr OptionSpec settings[] = {
    {"set", 's', setting, "KEY=VALUE", "Set a field: memory=4G, labels.tier=web, back_off.limit=1m", true},
};
constexpr OptionSpec creation[] = {
    {"paused", 'p', flag, "", "Do not let it run yet"},
    {"console", 'c', flag, "", "Follow its console from the first byte until it ends"},
    {"keep", 'k', flag, "", "Keep the domain when its guest has ended (unless its file says)"},
};
constexpr OptionSpec files_of[] = {{"file", 'f', file, "FILE", "A domain file, - for standard input", true}};
constexpr OptionSpec listing[] = {
    {"selector", 'l', selector, "LABELS", "Only those with these labels: tier=web,zone in (a,b),!old"},
    {"watch", 'W', flag, "", "Show changes as they happen, the present state first"},
};
constexpr OptionSpec waiting[] = {
    {"for", 0, aim, "WHAT", "running, paused, stopped, crashed, ended, gone, condition=TYPE[=false]; default: Ready"},
    {"create", 0, flag, "", "A domain that is not there yet is waited for, too"},
};
constexpr OptionSpec starting[] = {{"paused", 'p', flag, "", "Leave it paused"}};
constexpr OptionSpec asking[] = {
    {"grace", 0, duration, "TIME", "How long the guest may take (default: --timeout, or 60s)"},
    {"force", 'f', flag, "", "Do it by force if it has not ended by then"},
};
constexpr OptionSpec deleting[] = {{"allow-missing", 0, flag, "", "One that is not there is no error"}};
constexpr OptionSpec console_options[] = {
    {"escape", 'e', escape, "KEY", "The key that leaves: ^], ^A, ~ or none (default: ^])"},
    {"read-only", 'r', flag, "", "Only look: what is typed is dropped"},
    {"no-replay", 0, flag, "", "Only what is printed from now on"},
    {"follow", 'f', flag, "", "Go on with the domain's next guest"},
};
constexpr OptionSpec log_options[] = {
    {"follow", 'f', flag, "", "Go on as it grows, until the domain is deleted"},
    {"tail", 0, size, "SIZE", "Only the last so many bytes: 64K"},
    {"raw", 0, flag, "", "Control characters as they are, on a terminal too"},
};
constexpr OptionSpec dmesg_options[] = {
    {"clear", 0, flag, "", "Empty it afterwards"},
    {"raw", 0, flag, "", "Control characters as they are, on a terminal too"},
};
constexpr OptionSpec top_options[] = {
    {"batch", 'b', flag, "", "Tables one after the other, not a live one"},
    {"interval", 'd', duration, "TIME", "How often (default: 2s)"},
    {"count", 'n', count, "N", "End after so many"},
    {"selector", 'l', selector, "LABELS", "Only those with these labels"},
};
constexpr OptionSpec event_options[] = {
    {"since", 0, time, "TIME", "From then on: 10m ago, or 2026-11-30T12:00:00Z (default: now)"},
    {"no-follow", 0, flag, "", "End when all that happened is told"},
    {"count", 'n', count, "N", "End after so many"},
};
constexpr OptionSpec operation_options[] = {
    {"pending", 0, flag, "", "Only those that are not done"},
    {"watch", 'W', flag, "", "Show changes as they happen"},
};
constexpr OptionSpec detaching[] = {
    {"grace", 0, duration, "TIME", "How long the guest may take (default: --timeout, or 60s)"},
    {"force", 'f', flag, "", "Do not ask the guest"},
};
constexpr OptionSpec help_options[] = {
    {"man", 0, flag, "", "The manual page, as troff"},
};

constexpr ArgumentSpec files[] = {{"FILE", file, true, true}};
constexpr ArgumentSpec maybe_domains[] = {{"DOMAIN", domain, false, true}};
constexpr ArgumentSpec domains[] = {{"DOMAIN", domain, true, true}};
constexpr ArgumentSpec one_domain[] = {{"DOMAIN", domain}};
constexpr ArgumentSpec maybe_domain[] = {{"DOMAIN", domain, false}};
constexpr ArgumentSpec domain_and_device[] = {{"DOMAIN", domain}, {"DEVICE", device}};
constexpr ArgumentSpec one_operation[] = {{"OPERATION", operation}};
constexpr ArgumentSpec path[] = {{"PATH", token}};
constexpr ArgumentSpec maybe_path[] = {{"PATH", token, false}};
constexpr ArgumentSpec path_and_value[] = {{"PATH", token}, {"VALUE", text}};
constexpr ArgumentSpec topics[] = {{"TOPIC", topic, false, true}};
constexpr ArgumentSpec shells[] = {{"SHELL", shell}};
constexpr ArgumentSpec helps[] = {{"COMMAND", command, false, true}};

constexpr Group all_groups[] = {
    {"domain dom d", "Domains: the guests of this host"},
    {"device dev", "Devices of domains"},
    {"operation op", "Work that takes its time"},
    {"host h", "The machine and its hypervisor"},
    {"store", "xenstore, for administrators"},
};

constexpr char about_create[] =
    "Domains are made one after the other, after all files were checked. A domain made so goes when its guest has "
    "ended, "
    "unless its file says `ephemeral: false` or --keep is given; `apply` makes domains that stay. "
    "`pvctl explain domain-file` shows what a file may have.";
constexpr char about_apply[] =
    "A domain that is not there is made, one that differs is changed, and what the file does not name stays as it is. "
    "Files, memory and vcpus count from the next start.";
constexpr char about_names[] = "A domain is named by its name, its uid, or the number of its guest.";
constexpr char about_wait[] =
    "With several domains, for one after the other. A domain that is gone is an error, unless that was waited for.";

constexpr Command all_commands[] = {
    {"domain",
     "create",
     true,
     "Make domains from domain files (YAML) and start them",
     {changes, settings, creation},
     files,
     object_formats,
     run_create,
     about_create},
    {"domain",
     "apply",
     true,
     "Make or change domains until they are as their files say",
     {changes, settings, files_of},
     {},
     object_formats,
     run_apply,
     about_apply},
    {"domain",
     "diff",
     true,
     "Show what `apply` would change",
     {settings, files_of},
     {},
     only_text,
     run_diff,
     "Ends with exit code 10 if there are differences."},
    {"domain",
     "validate",
     true,
     "Check domain files, without a host",
     {settings},
     files,
     object_formats,
     run_validate,
     "`create --dry-run` has the host check the rest: kernels, memory, names that are taken."},
    {"domain",
     "list ls ps get",
     true,
     "Show all domains, or those that are named",
     {listing},
     maybe_domains,
     list_formats,
     run_list,
     about_names},
    {"domain",
     "describe show",
     true,
     "Show all of a domain: wishes, state, devices, what happened",
     {},
     domains,
     object_formats,
     run_describe,
     about_names},
    {"domain", "export", true, "Write a domain as its file", {}, domains, only_text, run_export},
    {"domain",
     "update set",
     true,
     "Change fields of a domain",
     {changes, settings},
     one_domain,
     object_formats,
     run_update},
    {"domain",
     "start",
     true,
     "Start a guest for a domain that has none",
     {changes, targets, starting},
     maybe_domains,
     object_formats,
     run_start,
     about_names},
    {"domain",
     "stop",
     true,
     "End a guest at once; the domain stays",
     {changes, targets},
     maybe_domains,
     object_formats,
     run_stop,
     about_names},
    {"domain",
     "restart",
     true,
     "End a guest at once and start another",
     {changes, targets},
     maybe_domains,
     object_formats,
     run_restart,
     about_names},
    {"domain",
     "shutdown",
     true,
     "Ask a guest to power off",
     {changes, targets, asking},
     maybe_domains,
     object_formats,
     run_shutdown,
     about_names},
    {"domain",
     "reboot",
     true,
     "Ask a guest to reboot",
     {changes, targets, asking},
     maybe_domains,
     object_formats,
     run_reboot,
     about_names},
    {"domain",
     "pause",
     true,
     "Stop a guest's vCPUs",
     {changes, targets},
     maybe_domains,
     object_formats,
     run_pause,
     about_names},
    {"domain",
     "unpause",
     true,
     "Let a paused guest run",
     {changes, targets},
     maybe_domains,
     object_formats,
     run_unpause,
     about_names},
    {"domain",
     "destroy delete rm",
     true,
     "End a guest at once and forget the domain",
     {changes, targets, deleting},
     maybe_domains,
     object_formats,
     run_delete,
     about_names},
    {"domain",
     "wait",
     true,
     "Wait for what becomes of domains",
     {waiting},
     domains,
     object_formats,
     run_wait,
     about_wait},
    {"domain",
     "console",
     true,
     "Tie the terminal to a domain's console until its guest ends",
     {console_options},
     one_domain,
     only_text,
     run_console_command},
    {"domain", "logs log", true, "Show what a domain's guests printed", {log_options}, one_domain, only_text, run_logs},
    {"domain", "top", true, "Show who uses the machine, again and again", {top_options}, {}, stream_formats, run_top},
    {"domain",
     "events",
     true,
     "Show what happens, as it happens",
     {event_options},
     maybe_domain,
     stream_formats,
     run_events},
    {"device", "list ls", false, "Show the devices of a domain", {}, one_domain, object_formats, run_list_devices},
    {"device",
     "attach",
     false,
     "Give a domain a device",
     {changes, settings},
     domain_and_device,
     object_formats,
     run_attach_device,
     "What it is is set: --set block.path=/dev/vg/disk --set block.target=xvda"},
    {"device",
     "detach",
     false,
     "Take a device away from a domain",
     {changes, detaching},
     domain_and_device,
     object_formats,
     run_detach_device},
    {"operation",
     "list ls",
     false,
     "Show operations, the newest first",
     {operation_options},
     maybe_domain,
     object_formats,
     run_list_operations},
    {"operation",
     "describe show",
     false,
     "Show one operation",
     {},
     one_operation,
     object_formats,
     run_describe_operation},
    {"operation",
     "wait",
     false,
     "Wait until an operation is done",
     {},
     one_operation,
     object_formats,
     run_wait_operation},
    {"operation",
     "cancel",
     false,
     "Ask an operation to stop and to take back what it did",
     {},
     one_operation,
     object_formats,
     run_cancel_operation},
    {"host", "info", true, "Show the host, or one domain", {}, maybe_domain, document_formats, run_info},
    {"host", "dmesg", true, "Show the hypervisor's log", {dmesg_options}, {}, only_text, run_dmesg},
    {"store", "read", false, "Show the value of a node", {}, path, document_formats, run_read_node},
    {"store", "list ls", false, "Show the names in a directory", {}, maybe_path, document_formats, run_list_nodes},
    {"store", "write", false, "Set the value of a node", {}, path_and_value, document_formats, run_write_node},
    {"store", "remove rm", false, "Remove a node and all below it", {}, path, document_formats, run_remove_node},
    {"",
     "explain",
     true,
     "Explain a field of domain files, an exit code, or the reason of an error",
     {},
     topics,
     only_text,
     run_explain,
     "`pvctl explain domain-file` shows all fields, `pvctl explain exit-codes` all exit codes."},
    {"",
     "completion",
     true,
     "Write the completions of a shell: source <(pvctl completion bash)",
     {},
     shells,
     only_text,
     run_completion},
    {"", "help", true, "Show the commands, or one of them", {help_options}, helps, only_text, run_help},
    {"", "version", true, "Show the version", {}, {}, only_text, run_version},
};
}  // namespace

std::span<Group const> groups() { return all_groups; }
std::span<Command const> commands() { return all_commands; }
std::span<OptionSpec const> common_options() { return common; }
}  // namespace paravane
