// SPDX-License-Identifier: MIT
// pvctl's command line: the table of commands, and what is made of it.
#include "cli/line.hpp"

#include <set>

#include "cli/failure.hpp"
#include "cli/help.hpp"
#include "cli/mutation.hpp"
#include "cli/render.hpp"

#include <gtest/gtest.h>

namespace {
using namespace paravane;
using namespace std::chrono_literals;

Result<Line> parse(std::vector<char const*> const& words) { return parse_line(words); }

std::string error_of(std::vector<char const*> const& words) {
    Result<Line> const line = parse(words);
    return line ? "it worked" : line.error().message();
}

TEST(CliLine, GroupsAndShortFormsAreTheSame) {
    Command const* pause = parse({"pause", "web"})->command;
    EXPECT_EQ(parse({"domain", "pause", "web"})->command, pause);
    EXPECT_EQ(parse({"d", "pause", "web"})->command, pause);
    EXPECT_EQ(parse({"rm", "web"})->command, parse({"domain", "delete", "web"})->command);
    EXPECT_EQ(parse({"op", "wait", "x"})->command->group, "operation");
    EXPECT_EQ(error_of({"attach", "web", "x"}).substr(0, 28), "there is no command \"attach\"");
}

TEST(CliLine, OptionsStandAnywhereBehindTheirCommand) {
    for (std::vector<char const*> const& words :
         {std::vector<char const*>{"shutdown", "--timeout", "5s", "-o", "json", "a", "b", "--force"},
          {"-ojson", "--timeout=5s", "shutdown", "a", "-f", "b"},
          {"shutdown", "-f", "-t5s", "-o=json", "--", "a", "b"}}) {
        Result<Line> const line = parse(words);
        ASSERT_TRUE(line) << line.error().message();
        EXPECT_EQ(line->arguments, (std::vector<std::string>{"a", "b"}));
        EXPECT_TRUE(line->has("force"));
        EXPECT_EQ(line->text("output"), "json");
        EXPECT_EQ(*line->duration("timeout"), 5s);
    }
    EXPECT_EQ(parse({"create", "-pc", "-"})->arguments.at(0), "-");
    EXPECT_EQ(parse({"create", "x", "-s", "a=1", "--set", "b=2"})->words("set").size(), 2u);
    EXPECT_EQ(parse({"pause", "--", "--all"})->arguments.at(0), "--all");
}

TEST(CliLine, WrongUsageIsNamed) {
    EXPECT_EQ(error_of({}), "a command is missing");
    EXPECT_EQ(error_of({"domain"}), "domain: a command is missing");
    EXPECT_EQ(error_of({"fly"}), "there is no command \"fly\"");
    EXPECT_EQ(error_of({"crate"}), "there is no command \"crate\"; did you mean \"create\"?");
    EXPECT_EQ(error_of({"--fly"}), "there is no option \"--fly\"");
    EXPECT_EQ(error_of({"list", "--wach"}), "list: there is no option \"--wach\"; did you mean \"--watch\"?");
    EXPECT_EQ(error_of({"list", "-Z"}), "list: there is no option \"-Z\"");
    EXPECT_EQ(error_of({"create"}), "create: FILE is missing");
    EXPECT_EQ(error_of({"console", "a", "b"}), "console: \"b\" is one word too many");
    EXPECT_EQ(error_of({"list", "-o", "xml"}), "--output: \"xml\" is none of table, wide, json, yaml, name");
    EXPECT_EQ(error_of({"console", "a", "-o", "json"}), "console has no output format \"json\"");
    EXPECT_EQ(error_of({"pause", "a", "-o", "wide"}), "pause has no output format \"wide\"");
    EXPECT_EQ(error_of({"list", "--timeout"}), "--timeout needs a TIME");
    EXPECT_EQ(error_of({"list", "-o"}), "-o needs a FORMAT");
    EXPECT_EQ(error_of({"list", "--watch=1"}), "--watch takes no value");
    EXPECT_EQ(error_of({"list", "--timeout", "nan"}), "--timeout: \"nan\" is not a duration such as 30s, 5m or 1h30m");
    EXPECT_EQ(error_of({"events", "--count", "4294967296"}),
              "--count: \"4294967296\" is not a number from 0 to 4294967295");
    EXPECT_EQ(error_of({"create", "x", "--set", "memory"}), "--set: \"memory\" is not KEY=VALUE");
    EXPECT_EQ(error_of({"info", "a\xff"}), "info: DOMAIN is not valid UTF-8");
    EXPECT_EQ(error_of({"events", "--count", "\xff"}), "--count is not valid UTF-8");
    EXPECT_EQ(error_of({"destroy", "a", ""}), "destroy: DOMAIN is empty");
    EXPECT_EQ(error_of({"create", ""}), "create: FILE is empty");
    EXPECT_EQ(error_of({"store", "read", ""}), "read: PATH is empty");
    EXPECT_EQ(error_of({"pause", "a", "--request-id", ""}), "--request-id is empty");
    EXPECT_EQ(error_of({"destroy", "--selector", ""}), "--selector is empty") << "it would choose every domain";
    EXPECT_EQ(error_of({"destroy", "--selector", "  "}), "--selector is empty");
    EXPECT_EQ(error_of({"destroy", "-l", "a=1", "-l", "b=2"}),
              "--selector is given twice: join the parts with a comma");
    EXPECT_EQ(error_of({"console", "a", "-e", "xx"}).substr(0, 15), "--escape: \"xx\" ");
    EXPECT_EQ(error_of({"wait", "a", "--for", "blocked"}).substr(0, 17), "--for: \"blocked\" ");
}

TEST(CliTable, IsSound) {
    std::set<std::string> seen;
    for (Command const& command : commands()) {
        EXPECT_TRUE(command.group.empty() || find_group(command.group) != nullptr) << command.name();
        EXPECT_NE(command.action, nullptr) << command.name();
        EXPECT_FALSE(command.help.empty() || command.help.ends_with('.')) << command.name();
        for (std::string_view names = command.names; !names.empty();) {
            std::string const name{next_word(names)};
            EXPECT_TRUE(seen.insert(std::string{command.group} + " " + name).second) << name;
            if (command.short_form) { EXPECT_TRUE(seen.insert(name).second) << name; }
            EXPECT_EQ(find_command(command.group, name), &command) << name;
            EXPECT_TRUE(find_group(name) == nullptr || !command.short_form) << name << " is a group, too";
        }
        std::set<std::string_view> options;
        std::set<char> letters;
        auto add = [&](std::span<OptionSpec const> set) {
            for (OptionSpec const& option : set) {
                EXPECT_TRUE(options.insert(option.name).second) << command.name() << " --" << option.name;
                EXPECT_TRUE(option.letter == 0 || letters.insert(option.letter).second)
                    << command.name() << " -" << option.letter;
                EXPECT_EQ(option.value.empty(), option.kind == WordKind::flag) << option.name;
            }
        };
        for (std::span<OptionSpec const> set : command.options) add(set);
        add(common_options());
    }
}

TEST(CliTable, HelpAndManualHaveEveryCommandAndOption) {
    std::string const all = help_for_all(), manual = manual_page();
    for (Command const& command : commands()) {
        EXPECT_NE(all.find("  " + std::string{command.short_form ? "" : command.group}), std::string::npos);
        EXPECT_NE(all.find(std::string{command.name()}), std::string::npos);
        std::string const help = help_for(command);
        EXPECT_NE(help.find(usage_line(command)), std::string::npos);
        for (std::span<OptionSpec const> set : command.options)
            for (OptionSpec const& option : set)
                EXPECT_NE(help.find("--" + std::string{option.name}), std::string::npos);
        for (std::string_view rest = help; !rest.empty();) {
            std::string_view const line = rest.substr(0, rest.find('\n'));
            rest.remove_prefix(std::min(rest.size(), line.size() + 1));
            EXPECT_FALSE(line.ends_with(' ')) << line;
        }
    }
    EXPECT_EQ(manual.substr(0, 12), ".TH PVCTL 1 ");
    EXPECT_EQ(manual.find("\n.."), std::string::npos);
}

std::vector<std::string> candidates(std::vector<std::string> const& words) {
    auto const live = [](void*, WordKind kind, std::vector<std::string> const& arguments) {
        if (kind == WordKind::device) return std::vector<std::string>{"disk-of-" + arguments.at(0)};
        return kind == WordKind::domain ? std::vector<std::string>{"web\trunning", "db\tpaused"}
                                        : std::vector<std::string>{};
    };
    std::vector<std::string> found;
    for (std::string const& each : complete(words, {live, nullptr})) found.push_back(each.substr(0, each.find('\t')));
    return found;
}

TEST(CliCompletion, CommandsOptionsAndLiveNames) {
    using Words = std::vector<std::string>;
    EXPECT_EQ(candidates({"pau"}), (Words{"pause"}));
    EXPECT_EQ(candidates({"device", "a"}), (Words{"attach"}));
    EXPECT_EQ(candidates({"pause", ""}), (Words{"web", "db"}));
    EXPECT_EQ(candidates({"pause", "web", "d"}), (Words{"db"}));
    EXPECT_EQ(candidates({"domain", "pause", "w"}), (Words{"web"}));
    EXPECT_EQ(candidates({"device", "detach", "web", ""}), (Words{"disk-of-web"}));
    EXPECT_EQ(candidates({"list", "-o", "y"}), (Words{"yaml"}));
    EXPECT_EQ(candidates({"list", "--output=js"}), (Words{"--output=json"}));
    EXPECT_EQ(candidates({"list", "--output", "=", "js"}), (Words{"json"})) << "as bash takes it apart";
    EXPECT_EQ(candidates({"--timeout", "5s", "list", "--wat"}), (Words{"--watch"}));
    EXPECT_EQ(candidates({"console", "web", ""}), (Words{}));
    EXPECT_EQ(candidates({"create", ""}), (Words{})) << "files are the shell's";
    EXPECT_EQ(candidates({"completion", ""}), (Words{"bash", "zsh", "fish"}));
    EXPECT_FALSE(candidates({""}).empty());
    EXPECT_FALSE(candidates({}).empty());
    for (char const* shell : {"bash", "zsh", "fish"})
        EXPECT_NE(completion_script(shell).find("pvctl __complete"), std::string::npos);
}

TEST(CliMutation, SaysWhatTheLineSays) {
    EXPECT_TRUE(make_mutation(*parse({"pause", "a"})).has_wait());
    EXPECT_FALSE(make_mutation(*parse({"pause", "a", "--no-wait"})).has_wait());
    EXPECT_FALSE(make_mutation(*parse({"shutdown", "a"}), false).has_wait());
    EXPECT_TRUE(make_mutation(*parse({"shutdown", "a", "--wait"}), false).has_wait());
    EXPECT_TRUE(make_mutation(*parse({"shutdown", "a", "--timeout", "5s"}), false).has_wait());
    v1::Mutation const mutation =
        make_mutation(*parse({"pause", "a", "--dry-run", "--request-id", "x", "--manager", "me"}));
    EXPECT_TRUE(mutation.validate_only());
    EXPECT_EQ(mutation.request_id(), "x");
    EXPECT_EQ(mutation.manager(), "me");
    EXPECT_EQ(random_uuid().size(), 36u);
    EXPECT_NE(random_uuid(), random_uuid());
}

TEST(CliFailure, EveryCodeHasItsExitCode) {
    EXPECT_EQ(exit_code_of(grpc::StatusCode::NOT_FOUND), ExitCode::not_found);
    EXPECT_EQ(exit_code_of(grpc::StatusCode::ALREADY_EXISTS), ExitCode::already_exists);
    EXPECT_EQ(exit_code_of(grpc::StatusCode::INVALID_ARGUMENT), ExitCode::invalid);
    EXPECT_EQ(exit_code_of(grpc::StatusCode::FAILED_PRECONDITION), ExitCode::wrong_state);
    EXPECT_EQ(exit_code_of(grpc::StatusCode::RESOURCE_EXHAUSTED), ExitCode::no_resources);
    EXPECT_EQ(exit_code_of(grpc::StatusCode::DEADLINE_EXCEEDED), ExitCode::timed_out);
    EXPECT_EQ(exit_code_of(grpc::StatusCode::UNAVAILABLE), ExitCode::unreachable);
    EXPECT_EQ(exit_code_of(grpc::StatusCode::PERMISSION_DENIED), ExitCode::not_allowed);
    EXPECT_EQ(exit_code_of(grpc::StatusCode::ABORTED), ExitCode::overtaken);
    EXPECT_EQ(exit_code_of(grpc::StatusCode::UNIMPLEMENTED), ExitCode::unsupported);
    EXPECT_EQ(exit_code_of(grpc::StatusCode::INTERNAL), ExitCode::failed);
}

TEST(CliText, IsCutWhereTheTerminalEnds) {
    EXPECT_EQ(first_columns("create", 79), "create");
    EXPECT_EQ(first_columns("create", 3), "cre");
    EXPECT_EQ(first_columns("\xc3\xa4\xc3\xb6x", 2), "\xc3\xa4\xc3\xb6");
    EXPECT_EQ(first_columns("", 0), "");
}

TEST(CliFailure, DetailsAreShownOnce) {
    google::rpc::Status status;
    status.set_message("create web: kernel /no/kernel: No such file or directory");
    google::rpc::ErrorInfo info;
    info.set_reason("FILE_UNUSABLE");
    (*info.mutable_metadata())["file"] = "/no/kernel";
    (*info.mutable_metadata())["hypercall"] = "domctl 1";
    (*info.mutable_metadata())["hint"] = "look\x1b[2J\nthere";
    status.add_details()->PackFrom(info);
    EXPECT_EQ(render_failure(status),
              "create web: kernel /no/kernel: No such file or directory\n  hypercall: domctl 1\n"
              "  reason: FILE_UNUSABLE\n  hint: look\\x1b[2J\\nthere\n");
    EXPECT_EQ(render_failure(details_of({grpc::StatusCode::INTERNAL, "a\nb", "garbage"})), "a\\nb\n");
}

TEST(CliRender, DomainsAsRows) {
    v1::Domain web;
    web.mutable_metadata()->set_name("web");
    web.mutable_status()->set_phase(v1::DOMAIN_PHASE_RUNNING);
    web.mutable_status()->set_blocked(true);
    web.mutable_status()->set_id(12);
    web.mutable_status()->set_memory(128 << 20);
    web.mutable_status()->set_vcpus(1);
    web.mutable_status()->mutable_cpu_time()->set_seconds(1);
    web.mutable_status()->mutable_cpu_time()->set_nanos(250'000'000);
    v1::Domain db;
    db.mutable_metadata()->set_name("d\x1b\x62");
    db.mutable_status()->set_phase(v1::DOMAIN_PHASE_STOPPED);
    db.mutable_spec()->set_memory(4 << 20);
    EXPECT_EQ(table({domain_header(false), domain_row(web, false), domain_row(db, false)}),
              "ID  NAME    STATE    MEMORY  VCPUS  CPU\n"
              "12  web     blocked  128MiB  1      1.2s\n"
              "-   d\\x1bb  stopped  4MiB    0      0.0s\n");
    EXPECT_EQ(domain_row(web, true).size(), domain_header(true).size());
}

TEST(CliRender, EventsAreOneLine) {
    v1::Event event;
    event.set_kind(v1::EVENT_KIND_FAILED);
    event.set_domain_name("web");
    event.set_message("a\nb");
    EXPECT_EQ(render_event(event), "1970-01-01T00:00:00Z  failed  -  web  a\\nb\n");
}
}  // namespace
