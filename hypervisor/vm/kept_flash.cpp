// What a flash memory's keeper asks of its VM.
#include "vm/kept_flash.hpp"

#include "vm/vm.hpp"

namespace antler::vm {

void KeptFlash::transfer_begins() {
    vm_.machine().begin_dma();
}

void KeptFlash::transfer_ended() {
    vm_.machine().end_dma();
}

void KeptFlash::ask_for_work() {
    vm_.machine().ask_for_work();
}

}  // namespace antler::vm
