// SPDX-License-Identifier: MIT
#include "core/pv/decode.hpp"
#include "core/mm/pte.hpp"

namespace hv::pv {
namespace {
struct Prefixes {
    bool operand_size = false;  // 66
    bool address_size = false;  // 67
    bool lock = false;          // f0
    u8 repeat = 0;              // f2 or f3
    u64 segment_base = 0;
    bool has_rex = false;
    bool wide = false;  // REX.W
    u32 reg_high = 0;   // 8 if the REX bit for that field is set
    u32 index_high = 0;
    u32 base_high = 0;
};

struct ModRm {
    u32 reg = 0;
    bool is_memory = false;
    u32 rm = 0;       // register number if not memory
    u64 address = 0;  // without segment base; rip-relative ones lack rip
    bool rip_relative = false;
};

class Decoder {
public:
    Decoder(std::span<u8 const> bytes, abi::CpuUserRegs const& regs, SegmentBases bases)
        : bytes_{bytes}, regs_{regs}, bases_{bases} {}

    Result<Instruction> run() {
        TRY(prefixes());
        u8 opcode = TRY(next());
        TRY(opcode == 0x0f ? two_byte() : one_byte(opcode));
        TRY(finish());
        return out_;
    }

private:
    // --- fetching
    Result<u8> next() {
        if (position_ >= max_instruction_bytes) return Errno::toobig;
        if (position_ >= bytes_.size()) return Errno::nodata;
        return bytes_[position_++];
    }
    Result<u64> immediate(u32 size) {  // sign-extended
        u64 value = 0;
        for (u32 i = 0; i < size; ++i) {
            u8 byte = TRY(next());
            value |= u64{byte} << (8 * i);
        }
        return sign_extend(value, size);
    }
    static u64 sign_extend(u64 value, u32 size) {
        u32 unused = 64 - 8 * size;
        return static_cast<u64>(static_cast<i64>(value << unused) >> unused);
    }

    // REX counts only directly before the opcode: with another prefix behind it, it is ignored.
    Result<> prefixes() {
        u8 rex = 0;
        for (;;) {
            u8 byte = TRY(next());
            if ((byte & 0xf0) == 0x40) {
                rex = byte;
                continue;
            }
            switch (byte) {
                case 0x66: prefix_.operand_size = true; break;
                case 0x67: prefix_.address_size = true; break;
                case 0xf0: prefix_.lock = true; break;
                case 0xf2:
                case 0xf3: prefix_.repeat = byte; break;
                case 0x64: prefix_.segment_base = bases_.fs; break;
                case 0x65: prefix_.segment_base = bases_.gs; break;
                case 0x26:
                case 0x2e:
                case 0x36:
                case 0x3e: break;  // ignored in 64-bit mode
                default:
                    --position_;
                    use_rex(rex);
                    return {};
            }
            rex = 0;
        }
    }
    void use_rex(u8 rex) {
        prefix_.has_rex = rex != 0;
        prefix_.wide = (rex & 8) != 0;
        prefix_.reg_high = (rex & 4) != 0 ? 8 : 0;
        prefix_.index_high = (rex & 2) != 0 ? 8 : 0;
        prefix_.base_high = (rex & 1) != 0 ? 8 : 0;
    }

    // --- operands
    u32 word_size() const { return prefix_.wide ? 8 : prefix_.operand_size ? 2 : 4; }
    u32 size_of(u8 opcode) const { return (opcode & 1) != 0 ? word_size() : 1; }

    Result<ModRm> modrm() {
        u8 byte = TRY(next());
        u32 mod = byte >> 6;
        u32 rm = byte & 7;
        ModRm result{.reg = (byte >> 3 & 7u) | prefix_.reg_high};
        if (mod == 3) {
            result.rm = rm | prefix_.base_high;
            return result;
        }
        result.is_memory = true;
        bool no_base = false;
        if (rm == 4) {
            u8 sib = TRY(next());
            u32 index = (sib >> 3 & 7u) | prefix_.index_high;
            u32 base = sib & 7;
            if (index != 4) result.address = read_gpr(regs_, index) << (sib >> 6);
            no_base = mod == 0 && base == 5;
            if (!no_base) result.address += read_gpr(regs_, base | prefix_.base_high);
        } else if (mod == 0 && rm == 5) {
            no_base = true;
            result.rip_relative = true;
        } else {
            result.address = read_gpr(regs_, rm | prefix_.base_high);
        }
        u32 displacement_size = mod == 1 ? 1 : mod == 2 || no_base ? 4 : 0;
        if (displacement_size != 0) result.address += TRY(immediate(displacement_size));
        return result;
    }

    Operand gpr(u32 number, u32 size) const {
        if (size == 1 && !prefix_.has_rex && number >= 4 && number < 8) return {Operand::Place::high_byte, number - 4};
        return {Operand::Place::gpr, number};
    }
    static Operand constant(u64 value) { return {Operand::Place::immediate, value}; }

    Result<> memory_write(Operation operation, ModRm const& operand, u32 size, Operand source, u64 bit_offset = 0) {
        if (!operand.is_memory) return Errno::opnotsupp;
        if (prefix_.lock && (operation == Operation::store)) return Errno::opnotsupp;  // #UD
        out_.operation = operation;
        out_.size = static_cast<u8>(size);
        out_.lock = prefix_.lock || operation == Operation::exchange;
        out_.source = source;
        out_.destination = {Operand::Place::memory, operand.address + bit_offset};
        rip_relative_ = operand.rip_relative;
        return {};
    }
    // The bit offset may be a register: then it selects a word of memory below or above the named one.
    Result<> bit_test(Operation operation, ModRm const& operand, bool by_register) {
        u32 size = word_size();
        if (!by_register) {
            u64 bit = TRY(immediate(1));
            return memory_write(operation, operand, size, constant(bit & (size * 8 - 1)));
        }
        u64 offset = sign_extend(read_gpr(regs_, operand.reg) & size_mask(size), size);
        u32 shift = size == 2 ? 4 : size == 4 ? 5 : 6;
        u64 words = static_cast<u64>(static_cast<i64>(offset) >> shift);
        return memory_write(operation, operand, size, constant(offset & (size * 8 - 1)), words * size);
    }
    Result<> privileged(Operation operation, u32 size = 0) {
        if (prefix_.lock) return Errno::opnotsupp;  // #UD
        out_.operation = operation;
        out_.size = static_cast<u8>(size);
        return {};
    }

    // --- opcode maps
    Result<> one_byte(u8 opcode) {
        if (opcode < 0x38 && (opcode & 7) < 2) {  // arithmetic to memory, except CMP (38, 39)
            ModRm operand = TRY(modrm());
            return memory_write(arithmetic(opcode >> 3 & 7u), operand, size_of(opcode),
                                gpr(operand.reg, size_of(opcode)));
        }
        switch (opcode) {
            case 0x80:
            case 0x81:
            case 0x83: return arithmetic_immediate(opcode);
            case 0x86:
            case 0x87: return register_to_memory(Operation::exchange, opcode);
            case 0x88:
            case 0x89: return register_to_memory(Operation::store, opcode);
            case 0xa2:
            case 0xa3: return store_to_offset(opcode);
            case 0xc6:
            case 0xc7: {
                ModRm operand = TRY(modrm());
                if ((operand.reg & 7) != 0) return Errno::opnotsupp;
                u32 size = size_of(opcode);
                u64 value = TRY(immediate(size == 8 ? 4 : size));
                return memory_write(Operation::store, operand, size, constant(value));
            }
            case 0xf6:
            case 0xf7: {
                ModRm operand = TRY(modrm());
                u32 group = operand.reg & 7;
                if (group != 2 && group != 3) return Errno::opnotsupp;
                return memory_write(group == 2 ? Operation::complement : Operation::negate, operand, size_of(opcode),
                                    {});
            }
            case 0xfe:
            case 0xff: {
                ModRm operand = TRY(modrm());
                u32 group = operand.reg & 7;
                if (group > 1) return Errno::opnotsupp;
                return memory_write(group == 0 ? Operation::increment : Operation::decrement, operand, size_of(opcode),
                                    {});
            }
            case 0xe4:
            case 0xe5:
            case 0xe6:
            case 0xe7:
            case 0xec:
            case 0xed:
            case 0xee:
            case 0xef: return port(opcode);
            case 0x6c:
            case 0x6d:
            case 0x6e:
            case 0x6f: return port_string(opcode);
            case 0xcd: {
                u64 vector = TRY(immediate(1));
                out_.index = static_cast<u8>(vector);
                return privileged(Operation::software_interrupt);
            }
            case 0xf4: return privileged(Operation::halt);
            case 0xfa: return privileged(Operation::clear_interrupts);
            case 0xfb: return privileged(Operation::set_interrupts);
            default: return Errno::opnotsupp;
        }
    }

    Result<> two_byte() {
        u8 opcode = TRY(next());
        switch (opcode) {
            case 0x01: return group_7();
            case 0x06: return privileged(Operation::clear_task_switched);
            case 0x08:
            case 0x09: return privileged(Operation::flush_caches);
            case 0x0b: return emulation_prefix();
            case 0x20:
            case 0x21:
            case 0x22:
            case 0x23: return system_register(opcode);
            case 0x30: return privileged(Operation::write_msr);
            case 0x31: return privileged(Operation::read_tsc);
            case 0x32: return privileged(Operation::read_msr);
            case 0x33: return privileged(Operation::read_pmc);
            case 0xab: return bit_by_register(Operation::bit_test_set);
            case 0xb3: return bit_by_register(Operation::bit_test_reset);
            case 0xbb: return bit_by_register(Operation::bit_test_complement);
            case 0xb0:
            case 0xb1: return register_to_memory(Operation::compare_exchange, opcode);
            case 0xc0:
            case 0xc1: return register_to_memory(Operation::exchange_add, opcode);
            case 0xba: {
                ModRm operand = TRY(modrm());
                u32 group = operand.reg & 7;
                if (group < 5) return Errno::opnotsupp;
                constexpr Operation operations[] = {Operation::bit_test_set, Operation::bit_test_reset,
                                                    Operation::bit_test_complement};
                return bit_test(operations[group - 5], operand, false);
            }
            case 0xc3: {  // MOVNTI: no byte or 16-bit form
                if (prefix_.operand_size || prefix_.repeat != 0) return Errno::opnotsupp;
                ModRm operand = TRY(modrm());
                return memory_write(Operation::store, operand, word_size(), gpr(operand.reg, word_size()));
            }
            default: return Errno::opnotsupp;
        }
    }

    static Operation arithmetic(u32 group) {  // the processor's order; 7 is CMP
        constexpr Operation operations[] = {
            Operation::add,     Operation::bit_or,   Operation::add_carry, Operation::subtract_borrow,
            Operation::bit_and, Operation::subtract, Operation::bit_xor};
        return operations[group];
    }
    Result<> arithmetic_immediate(u8 opcode) {
        ModRm operand = TRY(modrm());
        u32 group = operand.reg & 7;
        if (group == 7) return Errno::opnotsupp;
        u32 size = size_of(opcode);
        u64 value = TRY(immediate(opcode != 0x81 ? 1 : size == 8 ? 4 : size));
        return memory_write(arithmetic(group), operand, size, constant(value));
    }
    Result<> register_to_memory(Operation operation, u8 opcode) {
        ModRm operand = TRY(modrm());
        u32 size = size_of(opcode);
        return memory_write(operation, operand, size, gpr(operand.reg, size));
    }
    Result<> bit_by_register(Operation operation) {
        ModRm operand = TRY(modrm());
        return bit_test(operation, operand, true);
    }
    Result<> store_to_offset(u8 opcode) {  // MOV moffs, AL/rAX: a whole address instead of ModRM
        ModRm operand{.is_memory = true};
        operand.address = TRY(immediate(prefix_.address_size ? 4 : 8));
        return memory_write(Operation::store, operand, size_of(opcode), gpr(0, 8));
    }

    Result<> port(u8 opcode) {
        bool write = (opcode & 2) != 0;
        u32 size = (opcode & 1) == 0 ? 1 : prefix_.operand_size ? 2 : 4;  // REX.W has no effect
        Operand number{Operand::Place::gpr, 2};
        if ((opcode & 8) == 0) {
            u64 value = TRY(immediate(1));
            number = constant(value & 0xff);
        }
        Operand accumulator{Operand::Place::gpr, 0};
        out_.destination = write ? number : accumulator;
        out_.source = write ? accumulator : number;
        return privileged(write ? Operation::port_out : Operation::port_in, size);
    }
    Result<> port_string(u8 opcode) {
        bool write = (opcode & 2) != 0;
        u32 size = (opcode & 1) == 0 ? 1 : prefix_.operand_size ? 2 : 4;
        u64 index = read_gpr(regs_, write ? 6 : 7);  // DS:rSI with override, ES:rDI without
        Operand memory{Operand::Place::memory, prefix_.address_size ? index & 0xffff'ffff : index};
        if (write) memory.value += prefix_.segment_base;
        if (!is_canonical(memory.value) || !is_canonical(memory.value + size - 1)) return Errno::fault;
        Operand number{Operand::Place::gpr, 2};
        out_.destination = write ? number : memory;
        out_.source = write ? memory : number;
        out_.repeat = prefix_.repeat != 0;
        return privileged(write ? Operation::port_out_string : Operation::port_in_string, size);
    }

    Result<> group_7() {
        u8 byte = TRY(next());
        if (byte == 0xd1 && !prefix_.operand_size && prefix_.repeat == 0) return privileged(Operation::set_xcr);
        if (byte == 0xf9) return privileged(Operation::read_tscp);
        --position_;
        ModRm operand = TRY(modrm());
        if ((operand.reg & 7) != 6) return Errno::opnotsupp;
        TRY(privileged(Operation::load_machine_status, 2));
        if (operand.is_memory) {
            out_.source = {Operand::Place::memory, operand.address};
            rip_relative_ = operand.rip_relative;
        } else {
            out_.source = {Operand::Place::gpr, operand.rm};
        }
        return {};
    }
    Result<> system_register(u8 opcode) {
        u8 byte = TRY(next());  // the mod field is ignored: always a register
        u32 number = (byte >> 3 & 7u) | prefix_.reg_high;
        Operand general{Operand::Place::gpr, (byte & 7u) | prefix_.base_high};
        bool write = (opcode & 2) != 0;
        bool debug = (opcode & 1) != 0;
        bool exists = debug ? number < 8 : number == 0 || number == 2 || number == 3 || number == 4 || number == 8;
        if (!exists) return Errno::opnotsupp;
        out_.index = static_cast<u8>(number);
        (write ? out_.source : out_.destination) = general;
        if (debug) return privileged(write ? Operation::write_debug : Operation::read_debug, 8);
        return privileged(write ? Operation::write_control : Operation::read_control, 8);
    }
    Result<> emulation_prefix() {  // H:xen.h XEN_EMULATE_PREFIX, then CPUID
        if (position_ != 2) return Errno::opnotsupp;
        constexpr u8 rest[] = {0x78, 0x65, 0x6e, 0x0f, 0xa2};
        for (u8 expected : rest) {
            u8 byte = TRY(next());
            if (byte != expected) return Errno::opnotsupp;
        }
        return privileged(Operation::forced_cpuid);
    }

    Result<> finish() {
        out_.length = static_cast<u8>(position_);
        out_.address_size = prefix_.address_size ? 4 : 8;
        bool string = out_.operation == Operation::port_in_string || out_.operation == Operation::port_out_string;
        Operand* memory = out_.destination.place == Operand::Place::memory ? &out_.destination
                          : out_.source.place == Operand::Place::memory    ? &out_.source
                                                                           : nullptr;
        if (memory == nullptr || string) return {};
        if (rip_relative_) memory->value += regs_.rip + position_;
        if (prefix_.address_size) memory->value &= 0xffff'ffff;
        memory->value += prefix_.segment_base;
        if (!is_canonical(memory->value) || !is_canonical(memory->value + out_.size - 1)) return Errno::fault;
        return {};
    }

    std::span<u8 const> bytes_;
    abi::CpuUserRegs const& regs_;
    SegmentBases bases_;
    usize position_ = 0;
    Prefixes prefix_{};
    bool rip_relative_ = false;
    Instruction out_{};
};
}  // namespace

Result<Instruction> decode(std::span<u8 const> bytes, abi::CpuUserRegs const& regs, SegmentBases bases) {
    return Decoder{bytes, regs, bases}.run();
}
}  // namespace hv::pv
