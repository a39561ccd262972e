// SPDX-License-Identifier: MIT
#include "os/chosen_file.hpp"

#include <fcntl.h>
#include <fnmatch.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace paravane {
namespace {
constexpr int most_attempts = 16;
constexpr unsigned xenfs_magic = 0xabba1974;
constexpr unsigned configfs_magic = 0x62656570;

Error refuse(std::string why) { return Error{"", std::move(why), ErrorKind::precondition}; }

// The names in a path: "/a//./b" has two. ".." is one, which only the kernel can follow.
std::vector<std::string_view> names_in(std::string_view path) {
    std::vector<std::string_view> names;
    while (!path.empty()) {
        std::string_view name = path.substr(0, path.find('/'));
        path.remove_prefix(std::min(name.size() + 1, path.size()));
        if (!name.empty() && name != ".") names.push_back(name);
    }
    return names;
}

struct Place {
    std::string const* folder;
    std::string below;
};

// By the outermost folder that has it: the fewest links lead outside of that one.
std::optional<Place> find_place(std::vector<std::string> const& folders, std::string const& path) {
    std::vector<std::string_view> const names = names_in(path);
    std::string const* outermost = nullptr;
    std::size_t depth = 0;
    for (std::string const& folder : folders) {
        std::vector<std::string_view> const prefix = names_in(folder);
        bool const has_it = prefix.size() < names.size() && std::equal(prefix.begin(), prefix.end(), names.begin());
        if (!has_it || (outermost != nullptr && prefix.size() >= depth)) continue;
        outermost = &folder;
        depth = prefix.size();
    }
    if (outermost == nullptr) return std::nullopt;
    Place place{outermost, ""};
    for (std::size_t i = depth; i < names.size(); ++i) {
        if (i > depth) place.below += '/';
        place.below += names[i];
    }
    return place;
}

std::string list_of(std::vector<std::string> const& folders) {
    std::string list;
    for (std::string const& folder : folders) list += (list.empty() ? "" : ", ") + folder;
    return list.empty() ? "there are none" : list;
}

Error why_not_found(std::string const& folder, int error_number) {
    switch (error_number) {
        case EXDEV: return refuse("a link or \"..\" in it leads outside of " + folder);
        case ELOOP: return refuse("it leads through too many links, or through one of the kernel's own");
        case ENOSYS:
            return Error{"", "this kernel has no openat2: Linux 5.6 or later is needed", ErrorKind::internal, ENOSYS};
        default: return Error::from_errno("", error_number).as(ErrorKind::precondition);
    }
}

// Finds it without opening it. A rename meanwhile makes the kernel doubt where ".." leads, and ask for another attempt.
Result<OwnedFd> find_below(OwnedFd const& folder, Place const& place) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    long fd = -1;
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        fd = syscall(SYS_openat2, folder.get(), place.below.c_str(), &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
    }
    if (fd < 0) return why_not_found(*place.folder, errno);
    return OwnedFd{static_cast<int>(fd)};
}

char const* what_it_is(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFDIR: return "it is a folder";
        case S_IFCHR: return "it is a character device";
        case S_IFBLK: return "it is a block device";
        case S_IFIFO: return "it is a FIFO";
        case S_IFSOCK: return "it is a socket";
        default: return "it is no regular file";
    }
}

// Their regular files are the kernel's ear and mouth.
bool is_of_the_kernel(long file_system) {
    constexpr unsigned magics[] = {PROC_SUPER_MAGIC,   SYSFS_MAGIC,         DEBUGFS_MAGIC,        TRACEFS_MAGIC,
                                   SECURITYFS_MAGIC,   SELINUX_MAGIC,       SMACK_MAGIC,          AAFS_MAGIC,
                                   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, RDTGROUP_SUPER_MAGIC, BPF_FS_MAGIC,
                                   EFIVARFS_MAGIC,     PSTOREFS_MAGIC,      BINFMTFS_MAGIC,       DEVPTS_SUPER_MAGIC,
                                   NSFS_MAGIC,         xenfs_magic,         configfs_magic};
    return std::ranges::find(magics, static_cast<unsigned>(file_system)) != std::end(magics);
}

// `found` names it without having opened it.
Result<> check_kind(OwnedFd const& found) {
    struct stat status {};
    struct statfs system {};
    if (fstat(found.get(), &status) < 0 || fstatfs(found.get(), &system) < 0) return Error::from_errno("");
    if (!S_ISREG(status.st_mode)) return refuse(what_it_is(status.st_mode));
    if (is_of_the_kernel(system.f_type)) return refuse("it lies in a file system of the kernel's own");
    return {};
}

// The very file that was looked at. Without waiting for whoever has a lease on it.
Result<OwnedFd> open_found(OwnedFd const& found, int access) {
    std::string const itself = "/proc/self/fd/" + std::to_string(found.get());
    OwnedFd fd{::open(itself.c_str(), access | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    if (!fd) return Error::from_errno("").as(ErrorKind::precondition);
    return fd;
}
}  // namespace

Result<OwnedFd> AllowedFolders::find(std::string const& path) const {
    std::optional<Place> const place = find_place(folders_, path);
    if (!place) return refuse("it is in none of the allowed folders: " + list_of(folders_));
    OwnedFd folder{::open(place->folder->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!folder) return Error::from_errno("the allowed folder " + *place->folder).as(ErrorKind::precondition);
    OwnedFd found = TRY(find_below(folder, *place));
    TRY(check_kind(found));
    return found;
}

Result<ChosenFile> AllowedFolders::open(std::string const& path, std::uint64_t most_bytes) const {
    OwnedFd const found = TRY(find(path));
    ChosenFile file{TRY(open_found(found, O_RDONLY))};
    struct stat status {};
    if (fstat(file.fd.get(), &status) < 0) return Error::from_errno("");
    file.size = static_cast<std::uint64_t>(status.st_size);
    if (file.size > most_bytes) return refuse("it is larger than " + std::to_string(most_bytes >> 20) + " MiB");
    return file;
}

Result<OwnedFd> AllowedDisks::find(std::string const& path) const {
    auto const fits = [&](std::string const& pattern) {
        return fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD | FNM_NOESCAPE) == 0;
    };
    if (std::ranges::none_of(devices_, fits)) return folders_.find(path);
    OwnedFd found{::open(path.c_str(), O_PATH | O_CLOEXEC)};
    struct stat status {};
    if (!found || fstat(found.get(), &status) < 0) return Error::from_errno("").as(ErrorKind::precondition);
    if (!S_ISBLK(status.st_mode)) return refuse("it is no block device");
    return found;
}

Result<OwnedFd> AllowedDisks::open(std::string const& path, Access access) const {
    OwnedFd const found = TRY(find(path));
    OwnedFd fd = TRY(open_found(found, access == Access::read ? O_RDONLY : O_RDWR));
    if (fcntl(fd.get(), F_SETFL, 0) < 0) return Error::from_errno("");
    return fd;
}
}  // namespace paravane
