// SPDX-License-Identifier: MIT
#include "kernel_file.hpp"

#include <elf.h>

namespace test {
namespace {
void append(Bytes& to, void const* data, std::size_t size) {
    auto const* bytes = static_cast<std::byte const*>(data);
    to.insert(to.end(), bytes, bytes + size);
}

void append_note(Bytes& to, std::string owner, std::uint32_t type, std::span<std::byte const> value) {
    owner.push_back('\0');
    Elf64_Nhdr header{static_cast<Elf64_Word>(owner.size()), static_cast<Elf64_Word>(value.size()), type};
    append(to, &header, sizeof header);
    append(to, owner.data(), owner.size());
    to.resize((to.size() + 3) & ~std::size_t{3});
    append(to, value.data(), value.size());
    to.resize((to.size() + 3) & ~std::size_t{3});
}

void append_note(Bytes& to, std::uint32_t type, std::optional<std::uint64_t> value) {
    if (value) append_note(to, "Xen", type, std::as_bytes(std::span{&*value, 1}));
}

void append_note(Bytes& to, std::uint32_t type, std::optional<std::string> const& value) {
    if (value) append_note(to, "Xen", type, std::as_bytes(std::span{value->c_str(), value->size() + 1}));
}

Bytes make_notes(KernelSpec const& spec) {
    Bytes notes;
    if (spec.other_notes) append_note(notes, "GNU", 3, std::as_bytes(std::span{"id"}));
    append_note(notes, 1, spec.entry);
    append_note(notes, 2, spec.hypercall_page);
    append_note(notes, 3, spec.virt_base);
    append_note(notes, 4, spec.paddr_offset);
    append_note(notes, 5, spec.xen_version);
    append_note(notes, 6, spec.guest_os);
    append_note(notes, 8, spec.loader);
    append_note(notes, 10, spec.features);
    append_note(notes, 15, spec.init_p2m);
    append_note(notes, 16, spec.mod_start_pfn);
    append_note(notes, 17, spec.supported_features);
    notes.insert(notes.end(), spec.more_notes.begin(), spec.more_notes.end());
    return notes;
}

}  // namespace

Bytes make_note(std::uint32_t type, std::span<std::byte const> value) {
    Bytes note;
    append_note(note, "Xen", type, value);
    return note;
}

KernelSpec some_kernel(unsigned seed) {
    KernelSpec spec{.segments = {{.file_size = 64, .memory_size = 0x2000}, {.paddr = 0x200000, .file_size = 0}}};
    spec.entry = 0xffffffff80100000;
    if ((seed & 1) != 0) spec.init_p2m = 0x8000000000;
    if ((seed & 2) != 0) spec.hypercall_page = 0xffffffff80101000;
    if ((seed & 4) != 0) spec.notes_in_section = true;
    if ((seed & 8) != 0) spec.mod_start_pfn = 1;
    return spec;
}

Bytes make_elf(KernelSpec const& spec) {
    Bytes notes = make_notes(spec);
    std::size_t headers = spec.segments.size() + (spec.notes_in_section ? 0 : 1);
    std::size_t offset = sizeof(Elf64_Ehdr) + headers * sizeof(Elf64_Phdr);
    std::vector<Elf64_Phdr> programs;
    Bytes body;
    for (SegmentSpec const& segment : spec.segments) {
        programs.push_back({.p_type = PT_LOAD,
                            .p_flags = PF_R | PF_W | PF_X,
                            .p_offset = offset + body.size(),
                            .p_vaddr = segment.vaddr,
                            .p_paddr = segment.paddr,
                            .p_filesz = segment.file_size,
                            .p_memsz = segment.memory_size,
                            .p_align = 4096});
        body.insert(body.end(), segment.file_size, segment.fill);
    }
    std::size_t notes_at = offset + body.size();
    if (!spec.notes_in_section) {
        programs.push_back({.p_type = PT_NOTE,
                            .p_flags = PF_R,
                            .p_offset = notes_at,
                            .p_vaddr = 0,
                            .p_paddr = 0,
                            .p_filesz = notes.size(),
                            .p_memsz = notes.size(),
                            .p_align = 4});
    }
    body.insert(body.end(), notes.begin(), notes.end());
    Elf64_Shdr sections[2]{};
    sections[1] = {.sh_name = 0,
                   .sh_type = SHT_NOTE,
                   .sh_flags = 0,
                   .sh_addr = 0,
                   .sh_offset = notes_at,
                   .sh_size = notes.size(),
                   .sh_link = 0,
                   .sh_info = 0,
                   .sh_addralign = 4,
                   .sh_entsize = 0};
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<Elf64_Half>(programs.size());
    if (spec.notes_in_section) {
        header.e_shoff = offset + body.size();
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shnum = 2;
    }
    Bytes elf;
    append(elf, &header, sizeof header);
    append(elf, programs.data(), programs.size() * sizeof(Elf64_Phdr));
    append(elf, body.data(), body.size());
    if (spec.notes_in_section) append(elf, sections, sizeof sections);
    return elf;
}

}  // namespace test
