// SPDX-License-Identifier: MIT
// Any bytes at all as an instruction, with any registers: the decoder reads no further than it says, its answer depends
// on those bytes alone, and what it accepts can be executed.
#include <cstdlib>
#include <cstring>

#include "core/pv/execute.hpp"
#include "portable/base/pte.hpp"

namespace {
void require(bool condition) {
    if (!condition) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hv;
    using namespace hv::pv;

    abi::CpuUserRegs regs{};
    usize code_bytes = size < 20 ? size : 20;
    if (size > code_bytes) {
        usize rest = size - code_bytes;
        std::memcpy(&regs, data + code_bytes, rest < sizeof(regs) ? rest : sizeof(regs));
    }
    SegmentBases bases{.fs = regs.r8 >> 17, .gs = ~(regs.r9 >> 17)};
    std::span<u8 const> code{data, code_bytes};
    Result<Instruction> decoded = decode(code, regs, bases);
    if (!decoded) {
        Errno error = decoded.error();
        require(error == Errno::nodata || error == Errno::toobig || error == Errno::fault || error == Errno::opnotsupp);
        require(error != Errno::nodata || code_bytes < max_instruction_bytes);
        return 0;
    }
    Instruction instruction = *decoded;
    require(instruction.length >= 1 && instruction.length <= max_instruction_bytes && instruction.length <= code_bytes);
    Result<Instruction> again = decode(code.first(instruction.length), regs, bases);
    require(again && again->operation == instruction.operation && again->length == instruction.length);
    require(decode(code.first(instruction.length - 1u), regs, bases).error() == Errno::nodata);
    if (!writes_memory(instruction.operation)) return 0;

    require(instruction.destination.place == Operand::Place::memory);
    require(is_canonical(instruction.destination.value) &&
            is_canonical(instruction.destination.value + instruction.size - 1));
    require(instruction.size == 1 || instruction.size == 2 || instruction.size == 4 || instruction.size == 8);
    u64 rip = regs.rip;
    Effect effect = execute(instruction, regs, regs.r10);
    require((effect.memory & ~size_mask(instruction.size)) == 0);
    retire(instruction, effect, regs);
    require(regs.rip == rip + instruction.length);
    return 0;
}
