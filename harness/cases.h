/* `eddy cases`: runs the table of cases under one engine, or under two side by side. */
#ifndef CASES_H
#define CASES_H

/* argv[0] is the command's name. Returns an exit status: 0 if all cases went as expected, 1 if not. */
int cases_main(int argc, char *argv[]);

#endif
