#include "app/commands.h"

int main(int argc, char** argv) {
  return lintel::app::run_command({argv + (argc > 0 ? 1 : 0), argv + argc});
}
