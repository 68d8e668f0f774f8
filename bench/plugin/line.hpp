// One line of text for QEMU's log, put together without a library.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace antler::plugin {

class Line {
public:
    void add(char const* text) {
        while (*text != 0 && at_ + 1 < sizeof text_) text_[at_++] = *text++;
        text_[at_] = 0;
    }
    void add(uint64_t number) {
        char digits[24];
        int count = 0;
        do {
            digits[count++] = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number != 0);
        while (count > 0) {
            char const digit[2]{digits[--count], 0};
            add(digit);
        }
    }
    [[nodiscard]] char const* text() const { return text_; }

private:
    char text_[160]{};
    size_t at_ = 0;
};

// A plugin's words are NAME=NUMBER; zero for another one.
inline uint64_t number_behind(char const* word, char const* name) {
    while (*name != 0)
        if (*word++ != *name++) return 0;
    uint64_t number = 0;
    for (; *word >= '0' && *word <= '9'; ++word) number = number * 10 + static_cast<uint64_t>(*word - '0');
    return number;
}

}  // namespace antler::plugin
