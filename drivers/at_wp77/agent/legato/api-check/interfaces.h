/* Declarations of the Legato services that the agent uses, as ifgen would generate them from their .api files; written
 * from the services' documentation. mkapp generates the real ones; these are never linked with anything. */
#pragma once

#include "legato.h"

/* le_info: who the module is. */
#define LE_INFO_IMEI_MAX_BYTES 16
#define LE_INFO_MAX_PSN_BYTES 15
#define LE_INFO_MAX_MODEL_BYTES 257
#define LE_INFO_MAX_VERS_BYTES 257
le_result_t le_info_GetImei(char *imei, size_t imeiSize);
le_result_t le_info_GetPlatformSerialNumber(char *platformSerialNumberStr, size_t platformSerialNumberStrSize);
le_result_t le_info_GetDeviceModel(char *modelPtr, size_t modelPtrSize);
le_result_t le_info_GetFirmwareVersion(char *version, size_t versionSize);

/* le_secStore: the app's encrypted items. Size is the buffer's size on the way in, the item's on the way out. */
le_result_t le_secStore_Write(const char *name, const uint8_t *bufPtr, size_t bufSize);
le_result_t le_secStore_Read(const char *name, uint8_t *bufPtr, size_t *bufSizePtr);
le_result_t le_secStore_Delete(const char *name);

/* le_iks: the IoT Keystore. A new key has no value, and lives in memory until it is saved. */
#define LE_IKS_MAX_KEY_SIZE 512
typedef enum { LE_IKS_KEY_TYPE_PRIV_ECDSA = 220 } le_iks_KeyType_t;
le_result_t le_iks_GetKey(const char *keyId, uint64_t *keyRefPtr);
le_result_t le_iks_CreateKeyByType(const char *keyId, le_iks_KeyType_t keyType, uint32_t keySize, uint64_t *keyRefPtr);
le_result_t le_iks_GenKeyValue(uint64_t keyRef, const uint8_t *authCmdPtr, size_t authCmdSize);
le_result_t le_iks_SaveKey(uint64_t keyRef);
le_result_t le_iks_DeleteKey(uint64_t keyRef, const uint8_t *authCmdPtr, size_t authCmdSize);
le_result_t le_iks_GetPubKeyValue(uint64_t keyRef, uint8_t *bufPtr, size_t *bufSizePtr);

/* le_iks_ecc: ECDSA; the signature is r || s. */
le_result_t le_iks_ecc_Ecdsa_GenSig(uint64_t keyRef, const uint8_t *digestPtr, size_t digestSize, uint8_t *signaturePtr,
                                    size_t *signatureSizePtr);

/* le_atServer: AT commands of our own on a tty. */
#define LE_ATDEFS_COMMAND_MAX_BYTES 512
#define LE_ATDEFS_PARAMETER_MAX_BYTES 128
#define LE_ATDEFS_RESPONSE_MAX_BYTES 513
typedef struct le_atServer_Device *le_atServer_DeviceRef_t;
typedef struct le_atServer_Cmd *le_atServer_CmdRef_t;
typedef struct le_atServer_CommandHandler *le_atServer_CommandHandlerRef_t;
typedef enum {
    LE_ATSERVER_TYPE_ACT = 0,
    LE_ATSERVER_TYPE_PARA = 1,
    LE_ATSERVER_TYPE_TEST = 2,
    LE_ATSERVER_TYPE_READ = 3,
} le_atServer_Type_t;
typedef enum { LE_ATSERVER_OK = 0, LE_ATSERVER_NO_CARRIER = 1, LE_ATSERVER_ERROR = 2 } le_atServer_FinalRsp_t;
typedef void (*le_atServer_CommandHandlerFunc_t)(le_atServer_CmdRef_t commandRef, le_atServer_Type_t type,
                                                 uint32_t parametersNumber, void *contextPtr);
le_atServer_DeviceRef_t le_atServer_Open(int fd);
le_atServer_CmdRef_t le_atServer_Create(const char *namePtr);
le_atServer_CommandHandlerRef_t le_atServer_AddCommandHandler(le_atServer_CmdRef_t commandRef,
                                                              le_atServer_CommandHandlerFunc_t handlerPtr,
                                                              void *contextPtr);
le_result_t le_atServer_GetParameter(le_atServer_CmdRef_t commandRef, uint32_t index, char *parameter,
                                     size_t parameterSize);
le_result_t le_atServer_GetDevice(le_atServer_CmdRef_t commandRef, le_atServer_DeviceRef_t *deviceRefPtr);
le_result_t le_atServer_SendIntermediateResponse(le_atServer_CmdRef_t commandRef, const char *intermediateRspPtr);
le_result_t le_atServer_SendFinalResultCode(le_atServer_CmdRef_t commandRef, le_atServer_FinalRsp_t finalResult,
                                            const char *patternPtr, uint32_t errorCode);
le_result_t le_atServer_EnableEcho(le_atServer_DeviceRef_t device);
le_result_t le_atServer_DisableEcho(le_atServer_DeviceRef_t device);
void le_atServer_EnableExtendedErrorCodes(void);
void le_atServer_DisableExtendedErrorCodes(void);
