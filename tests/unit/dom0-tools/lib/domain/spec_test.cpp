// SPDX-License-Identifier: MIT
// What a spec must satisfy: of its devices.
#include "domain/spec.hpp"

#include <gtest/gtest.h>

namespace {
using namespace paravane;

DomainSpec spec_with(std::vector<DeviceSpec> devices) {
    DomainSpec spec;
    spec.name = "web";
    spec.kernel = "/k";
    spec.memory = 4 << 20;
    spec.devices = std::move(devices);
    return spec;
}

BlockSpec disk(std::string path, std::string target) {
    return {.path = std::move(path), .format = "", .target = std::move(target)};
}

// The numbers are Linux's, of major number 202 and, from the seventeenth disk on, the extended ones.
TEST(DiskNumber, IsTheOneThatGuestsExpect) {
    EXPECT_EQ(disk_number("xvda"), 51712u);
    EXPECT_EQ(disk_number("xvdb"), 51728u);
    EXPECT_EQ(disk_number("xvdp"), 51712u + 15 * 16);
    EXPECT_EQ(disk_number("xvdq"), (1u << 28) + 16 * 256);
    EXPECT_EQ(disk_number("xvdz"), (1u << 28) + 25 * 256);
    for (char const* bad : {"", "xvd", "xvdA", "xvd{", "xvd`", "xvdaa", "xvda1", "sda", "hda", " xvda"})
        EXPECT_EQ(disk_number(bad), std::nullopt) << bad;
}

TEST(Devices, AreFoundById) {
    DomainSpec const spec = spec_with({{"a", disk("/a", "xvda")}, {"b", disk("/b", "xvdb")}});
    ASSERT_TRUE(check_domain_spec(spec));
    EXPECT_EQ(find_device(spec, "b"), &spec.devices[1]);
    EXPECT_EQ(find_device(spec, "console"), nullptr);
}

TEST(Devices, ErrorsNameTheFieldOfTheOneThatIsWrong) {
    struct Case {
        DeviceSpec second;
        ErrorKind kind;
        char const *field, *message;
    };
    std::string const most(32, 'x');
    BlockSpec qcow = disk("/b", "xvdb"), sectors = disk("/b", "xvdb");
    qcow.format = "qcow2";
    sectors.sector = 1024;
    Case const cases[] = {
        {{"", disk("/b", "xvdb")}, ErrorKind::invalid, "id", "id is missing"},
        {{"Root", disk("/b", "xvdb")}, ErrorKind::invalid, "id", "id is not of 1 to 32 lower-case"},
        {{most + "x", disk("/b", "xvdb")}, ErrorKind::invalid, "id", "id is not of 1 to 32 lower-case"},
        {{"a/b", disk("/b", "xvdb")}, ErrorKind::invalid, "id", "id is not of 1 to 32 lower-case"},
        {{"console", disk("/b", "xvdb")}, ErrorKind::invalid, "id", "id: \"console\" is the console"},
        {{"a", disk("/b", "xvdb")}, ErrorKind::invalid, "id", "id is another device's too"},
        {{"b", disk("", "xvdb")}, ErrorKind::invalid, "block.path", "block.path is missing"},
        {{"b", disk("b.raw", "xvdb")}, ErrorKind::invalid, "block.path", "block.path: \"b.raw\" is not an absolute"},
        {{"b", disk("/" + std::string(255, 'x'), "xvdb")}, ErrorKind::invalid, "block.path", "block.path is longer"},
        {{"b", disk("/a\nb", "xvdb")}, ErrorKind::invalid, "block.path", "block.path is not a usable path"},
        {{"b", disk("/a", "xvdb")}, ErrorKind::invalid, "block.path", "block.path is another device's too"},
        {{"b", disk("/b", "")}, ErrorKind::invalid, "block.target", "block.target is missing"},
        {{"b", disk("/b", "sda")}, ErrorKind::invalid, "block.target", "block.target is none of xvda to xvdz"},
        {{"b", disk("/b", "xvda")}, ErrorKind::invalid, "block.target", "block.target is another device's too"},
        {{"b", qcow}, ErrorKind::unsupported, "block.format", "block.format: this host has raw images only"},
        {{"b", sectors}, ErrorKind::invalid, "block.sector", "block.sector is neither 512 nor 4096"},
    };
    for (Case const& each : cases) {
        SCOPED_TRACE(each.message);
        Result<> checked = check_domain_spec(spec_with({{"a", disk("/a", "xvda")}, each.second}));
        ASSERT_FALSE(checked);
        EXPECT_EQ(checked.error().kind, each.kind);
        EXPECT_EQ(checked.error().facts["field"], std::string{"spec.devices[1]."} + each.field);
        std::string const begin = std::string{"devices[1]."} + each.message;
        EXPECT_EQ(checked.error().message().substr(0, begin.size()), begin);
    }
    EXPECT_TRUE(check_domain_spec(spec_with({{most, disk("/a", "xvda")}})));
}

// Who only reads does not mind who else does.
TEST(Devices, OneImageMayBeReadTwice) {
    BlockSpec one = disk("/a", "xvda"), other = disk("/a", "xvdb");
    one.read_only = true;
    EXPECT_FALSE(check_domain_spec(spec_with({{"a", one}, {"b", other}})));
    other.read_only = true;
    EXPECT_TRUE(check_domain_spec(spec_with({{"a", one}, {"b", other}})));
}
}  // namespace
