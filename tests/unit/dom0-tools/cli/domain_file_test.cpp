// SPDX-License-Identifier: MIT
// Domain files, --set, and the way between YAML, JSON and the API's messages.
#include "cli/domain_file.hpp"

#include "cli/document.hpp"
#include "cli/read_files.hpp"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

namespace {
using namespace paravane;
using google::protobuf::util::MessageDifferencer;

constexpr char minimal[] = "name: web\nkernel: /boot/vmlinuz\nmemory: 128MiB\n";

constexpr char everything[] = R"(name: web
labels: {tier: web, "example.org/zone": a}
annotations:
  note: "two\nlines"
managed_by: me
kernel: vmlinuz
initrd: /boot/initrd
cmdline: "console=hvc0 # quiet"
memory: 1.5GiB
vcpus: 2
power_state: paused
ephemeral: true
on_poweroff: preserve
on_reboot: destroy
on_crash: rename-restart
on_watchdog: coredump-restart
back_off: {initial: 500ms, limit: 1h, reset_after: 90s, most_restarts: 5}
devices:
  - id: xvda
    block: {path: disk.img, target: xvda, read_only: true}
  - id: net0
    interface: {network: lan, mtu: 1400}
  - id: console
    console: {}
)";

std::vector<DomainFile> files_of(std::string const& text) {
    Result<std::vector<DomainFile>> files = parse_domain_files(text, "web.yaml", "/etc");
    EXPECT_TRUE(files) << files.error().message();
    return files ? *files : std::vector<DomainFile>{};
}

std::string error_of(std::string const& text) {
    Result<std::vector<DomainFile>> files = parse_domain_files(text, "web.yaml", "/etc");
    if (!files) return files.error().message();
    for (DomainFile const& file : *files)
        if (Result<> checked = check_domain_file(file); !checked) return checked.error().message();
    return "it worked";
}

void expect_same(DomainFile const& one, DomainFile const& other) {
    EXPECT_TRUE(MessageDifferencer::Equals(one.metadata, other.metadata));
    EXPECT_TRUE(MessageDifferencer::Equals(one.spec, other.spec));
}

TEST(CliDomainFile, EveryKeyIsRead) {
    DomainFile const file = files_of(everything).at(0);
    EXPECT_EQ(file.metadata.labels().at("example.org/zone"), "a");
    EXPECT_EQ(file.metadata.annotations().at("note"), "two\nlines");
    EXPECT_EQ(file.spec.kernel(), "/etc/vmlinuz") << "relative to the file's folder";
    EXPECT_EQ(file.spec.cmdline(), "console=hvc0 # quiet");
    EXPECT_EQ(file.spec.memory(), std::uint64_t{3} << 29);
    EXPECT_EQ(file.spec.on_crash(), v1::END_ACTION_RENAME_RESTART);
    EXPECT_EQ(file.spec.back_off().initial().nanos(), 500'000'000);
    EXPECT_EQ(file.spec.back_off().limit().seconds(), 3600);
    EXPECT_EQ(file.spec.devices(0).block().path(), "/etc/disk.img");
    EXPECT_TRUE(file.spec.devices(0).block().read_only());
    EXPECT_TRUE(file.spec.devices(2).has_console());
}

TEST(CliDomainFile, IsReadAsItIsWritten) {
    DomainFile const file = files_of(everything).at(0);
    std::string const written = write_domain_file(file.metadata, file.spec);
    DomainFile const again = files_of(written).at(0);
    expect_same(file, again);
    EXPECT_EQ(write_domain_file(again.metadata, again.spec), written);
    EXPECT_NE(written.find("memory: 1536MiB\n"), std::string::npos) << written;
}

TEST(CliDomainFile, WhatJsonAndYamlShowIsReadBack) {
    v1::Domain domain;
    DomainFile const file = files_of(everything).at(0);
    *domain.mutable_metadata() = file.metadata;
    *domain.mutable_spec() = file.spec;
    domain.mutable_metadata()->set_generation(7);
    domain.mutable_metadata()->set_etag("x");
    domain.mutable_metadata()->mutable_create_time()->set_seconds(5);
    domain.mutable_status()->set_phase(v1::DOMAIN_PHASE_RUNNING);
    for (std::string const& text : {render_json(domain), render_yaml(domain), render_json_line(domain)}) {
        SCOPED_TRACE(text);
        expect_same(files_of(text).at(0), file);
    }
    // Written out, defaults are still left out.
    v1::Domain plain;
    *plain.mutable_metadata() = files_of(minimal).at(0).metadata;
    *plain.mutable_spec() = files_of(minimal).at(0).spec;
    expect_same(files_of(render_json(plain)).at(0), files_of(minimal).at(0));
}

TEST(CliDomainFile, SeveralDocumentsAreSeveralDomains) {
    std::string const two =
        std::string{"---\n"} + minimal + "---\n# nothing\n---\nname: db\nkernel: /k\nmemory: 4M\n---\n";
    std::vector<DomainFile> const files = files_of(two);
    ASSERT_EQ(files.size(), 2u);
    EXPECT_EQ(files[1].metadata.name(), "db");
    EXPECT_EQ(error_of(two + "colour: blue\n").substr(0, 35), "web.yaml:12: unknown key \"colour\" (");
}

TEST(CliDomainFile, ErrorsHaveTheLineTheyAreAbout) {
    std::string const base = minimal;
    std::pair<std::string, char const*> const cases[] = {
        {"", "web.yaml:1: a domain file is"},
        {"just text\n", "web.yaml:1: a domain file is"},
        {"- web\n", "web.yaml:1: a domain file is"},
        {"--- \n--- \n", "web.yaml:1: a domain file is"},
        {"name: web\n\tkernel: x", "web.yaml:2: "},
        {"name: [web", "web.yaml:"},
        {base + "memroy: 3\n", "web.yaml:4: unknown key \"memroy\" (known: name, "},
        {base + "name: x\n", "web.yaml:4: \"name\" is given twice"},
        {base + "cmdline:\n", "web.yaml:4: \"cmdline\" has no value"},
        {base + "vcpus: [1, 2]\n", "web.yaml:4: \"vcpus\" takes a single value"},
        {base + "vcpus: many\n", "web.yaml:4: vcpus: \"many\" is not a number"},
        {base + "vcpus: -1\n", "web.yaml:4: vcpus: \"-1\" is not a number"},
        {base + "vcpus: 0\n", "web.yaml:4: vcpus: 0 is less than 1"},
        {base + "vcpus: 99999999999\n", "web.yaml:4: vcpus: \"99999999999\" is too large"},
        {base + "vcpus: 129\n", "web.yaml:4: vcpus: 129 is more than 128"},
        {base + "ephemeral: yes\n", "web.yaml:4: ephemeral: \"yes\" is neither true nor false"},
        {base + "on_crash: explode\n", "web.yaml:4: on_crash: \"explode\" is none of destroy, restart, preserve"},
        {base + "on_crash: unspecified\n", "web.yaml:4: on_crash: \"unspecified\" is none of"},
        {base + "labels: web\n", "web.yaml:4: \"labels\" takes keys and values"},
        {base + "labels:\n  a: [b]\n", "web.yaml:5: \"labels.a\" takes a single value"},
        {base + "labels: {a: 1, a: 2}\n", "web.yaml:4: \"a\" is given twice"},
        {base + "back_off:\n  limits: 1s\n", "web.yaml:5: unknown key \"back_off.limits\" (known: initial, limit, "},
        {base + "back_off: {limit: nan}\n", "web.yaml:4: back_off.limit: \"nan\" is not a duration"},
        {base + "devices: {id: x}\n", "web.yaml:4: \"devices\" takes a list"},
        {base + "devices:\n  - id: x\n    disk: {}\n", "web.yaml:6: unknown key \"devices.disk\" (known: id, console,"},
        {base + "cmdline: \xff\n", "web.yaml:4: cmdline is not valid UTF-8"},
        {base + "\"a\\e[2J\": 1\n", "web.yaml:4: unknown key \"a\\x1b[2J\""},
        {"name: web\nkernel: /k\nmemory: 128\n", "web.yaml:3: memory: \"128\" needs a unit: 128MiB"},
        {"name: web\nkernel: /k\nmemory: 128MB\n", "web.yaml:3: memory: unknown unit \"MB\""},
        {"name: web\nkernel: /k\nmemory: 1MiB\n", "web.yaml:3: memory: 1MiB is less than 2 MiB"},
        {"name: web\nkernel: /k\nmemory: 0MiB\n", "web.yaml:3: memory: 0MiB is less than 2 MiB"},
        {"name: web\nmemory: 4MiB\n", "web.yaml:1: kernel is missing"},
        {"metadata: {name: web}\nspec: {kernel: /k, memory: 4M, colour: 1}\n", "web.yaml:2: unknown key \"colour\""},
        {"metadata: {name: web}\nspec: {}\nkind: Domain\n",
         "web.yaml:3: unknown key \"kind\" (known: metadata, spec, status)"},
    };
    for (auto const& [text, start] : cases)
        EXPECT_EQ(error_of(text).substr(0, std::string_view{start}.size()), start) << text << error_of(text);
    EXPECT_EQ(error_of(base + "cmdline: \"" + std::string(1024, 'x') + "\"\n"),
              "web.yaml:4: cmdline is longer than 1023 bytes");
}

TEST(CliDomainFile, YamlTricksAreNoProblem) {
    std::string deep(100000, '[');
    for (std::string const& text :
         {std::string{"a: &a {b: *a}\n"}, std::string{"<<: {name: x}\n"}, std::string{"? [x]\n: y\n"},
          std::string{"!!binary name: x\n"}, std::string{"%YAML 9.9\n---\n"}, std::string{"\xff\xfe\n"}, deep,
          std::string{"labels: &a {a: b}\nannotations: {x: *a}\n"}})
        EXPECT_NE(error_of(text), "it worked") << text.substr(0, 40);
}

TEST(CliSettings, FieldsAreSetByTheirPath) {
    DomainFile file = files_of(minimal).at(0);
    for (char const* setting : {"memory=4G", "labels.tier=web", "labels.tier=db", "back_off.limit=1m",
                                "on_crash=restart", "cmdline=a=b", "ephemeral=true"}) {
        Result<> const set = apply_setting(file.metadata, file.spec, setting);
        ASSERT_TRUE(set) << set.error().message();
    }
    EXPECT_EQ(file.spec.memory(), std::uint64_t{4} << 30);
    EXPECT_EQ(file.metadata.labels().at("tier"), "db");
    EXPECT_EQ(file.metadata.labels().size(), 1u);
    EXPECT_EQ(file.spec.back_off().limit().seconds(), 60);
    EXPECT_EQ(file.spec.cmdline(), "a=b");
    for (char const* bad : {"colour=blue", "memory=4", "memory.x=4G", "labels=a", "labels.=a", "back_off=1",
                            "devices=x", "back_off.limit.x=1s", "ephemeral=1", "vcpus=-1", "etag=x"})
        EXPECT_FALSE(apply_setting(file.metadata, file.spec, bad)) << bad;
    EXPECT_EQ(setting_key("labels.tier=a.b"), "labels");
    EXPECT_EQ(setting_key("cmdline=a.b"), "cmdline");
}

TEST(CliFields, AreListedByTheirPath) {
    DomainFile const file = files_of(everything).at(0);
    std::map<std::string, std::string> const fields = list_fields(file.metadata, file.spec);
    EXPECT_EQ(fields.at("memory"), "1536MiB");
    EXPECT_EQ(fields.at("labels.tier"), "web");
    EXPECT_EQ(fields.at("back_off.limit"), "1h");
    EXPECT_EQ(fields.at("devices.xvda.block.target"), "xvda");
    EXPECT_EQ(fields.at("devices.console.console"), "{}");
}
}  // namespace
