// SPDX-License-Identifier: MIT
// In place of libFuzzer, where coverage is counted: runs every input of the folders given once.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

int main(int argc, char** argv) {
    int inputs = 0;
    for (int i = 1; i < argc; ++i)
        for (auto const& file : std::filesystem::directory_iterator{argv[i]}) {
            std::ifstream stream{file.path(), std::ios::binary};
            std::string const input{std::istreambuf_iterator<char>{stream}, {}};
            LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(input.data()), input.size());
            ++inputs;
        }
    std::printf("%d inputs\n", inputs);
    return inputs == 0;
}
