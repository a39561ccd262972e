// SPDX-License-Identifier: MIT
// What the table of commands calls, a function for each row.
#pragma once
#include "cli/exit_code.hpp"

namespace paravane {
class Session;

ExitCode run_create(Session& session);
ExitCode run_validate(Session& session);
ExitCode run_apply(Session& session);
ExitCode run_diff(Session& session);
ExitCode run_update(Session& session);
ExitCode run_export(Session& session);
ExitCode run_list(Session& session);
ExitCode run_describe(Session& session);
ExitCode run_wait(Session& session);
ExitCode run_start(Session& session);
ExitCode run_stop(Session& session);
ExitCode run_restart(Session& session);
ExitCode run_shutdown(Session& session);
ExitCode run_reboot(Session& session);
ExitCode run_pause(Session& session);
ExitCode run_unpause(Session& session);
ExitCode run_delete(Session& session);
ExitCode run_console_command(Session& session);
ExitCode run_logs(Session& session);
ExitCode run_top(Session& session);
ExitCode run_events(Session& session);
ExitCode run_info(Session& session);
ExitCode run_dmesg(Session& session);
ExitCode run_list_devices(Session& session);
ExitCode run_attach_device(Session& session);
ExitCode run_detach_device(Session& session);
ExitCode run_list_operations(Session& session);
ExitCode run_describe_operation(Session& session);
ExitCode run_wait_operation(Session& session);
ExitCode run_cancel_operation(Session& session);
ExitCode run_read_node(Session& session);
ExitCode run_list_nodes(Session& session);
ExitCode run_write_node(Session& session);
ExitCode run_remove_node(Session& session);
ExitCode run_explain(Session& session);
ExitCode run_help(Session& session);
ExitCode run_completion(Session& session);
ExitCode run_version(Session& session);
}  // namespace paravane
