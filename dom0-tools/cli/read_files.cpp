// SPDX-License-Identifier: MIT
#include "cli/read_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "cli/field.hpp"
#include "domain/spec.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
namespace {
constexpr std::size_t largest = std::size_t{1} << 20;  // far beyond need: what is read may never end

Result<std::string> read_text(std::string const& path) {
    bool const standard = path == "-";
    std::string const step = standard ? "read standard input" : "read " + path;
    OwnedFd const file{standard ? dup(STDIN_FILENO) : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!file) return Error::from_errno(step);
    std::string text;
    char buffer[65536];
    for (;;) {
        ssize_t const count = read(file.get(), buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return Error::from_errno(step);
        if (count == 0) return text;
        text.append(buffer, static_cast<std::size_t>(count));
        if (text.size() > largest) return Error{step, "it is larger than 1 MiB", ErrorKind::invalid};
    }
}

std::string current_folder() {
    std::error_code failure;
    return std::filesystem::current_path(failure).string();
}

// Where the relative paths in a file start.
std::string folder_of(std::string const& path) {
    if (path == "-") return current_folder();
    std::string const folder = std::filesystem::path{path}.parent_path().string();
    if (folder.starts_with('/')) return folder == "/" ? "" : folder;
    return folder.empty() ? current_folder() : current_folder() + "/" + folder;
}
}  // namespace

std::string setting_key(std::string const& setting) { return setting.substr(0, setting.find_first_of(".=")); }

Result<> apply_setting(v1::Metadata& metadata, v1::DomainSpec& spec, std::string const& setting) {
    std::size_t const at = setting.find('=');
    std::string const path = setting.substr(0, at);
    google::protobuf::Message& message =
        is_settable_metadata(setting_key(setting)) ? static_cast<google::protobuf::Message&>(metadata) : spec;
    return set_by_path(message, path, std::string_view{setting}.substr(at + 1), {current_folder(), false});
}

Result<> check_domain_file(DomainFile const& file) {
    DomainSpec spec;
    spec.name = file.metadata.name();
    spec.kernel = file.spec.kernel();
    spec.initrd = file.spec.initrd();
    spec.cmdline = file.spec.cmdline();
    spec.memory = file.spec.memory();
    if (file.spec.vcpus() != 0) spec.vcpus = file.spec.vcpus();
    Result<> checked = check_domain_spec(spec);
    if (!checked) return file.at(checked.error().step, checked.error().message());
    return {};
}

Result<std::vector<DomainFile>> read_domain_files(std::vector<std::string> const& paths,
                                                  std::vector<std::string> const& settings) {
    std::vector<DomainFile> files;
    for (std::string const& path : paths) {
        std::string const text = TRY(read_text(path));
        std::vector<DomainFile> read =
            TRY(parse_domain_files(text, path == "-" ? "standard input" : path, folder_of(path)));
        files.insert(files.end(), std::make_move_iterator(read.begin()), std::make_move_iterator(read.end()));
    }
    for (DomainFile& file : files) {
        for (std::string const& setting : settings) {
            Result<> set = apply_setting(file.metadata, file.spec, setting);
            if (!set) return std::move(set).error().within("--set " + setting);
            file.lines.emplace(setting_key(setting), file.line);
        }
        TRY(check_domain_file(file));
    }
    return files;
}
}  // namespace paravane
